;; Fills a table of 100 000 elements again and again, each time in one instruction.
(core module $main
  (table 100000 funcref)
  (elem declare func $handle)
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func $handle (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop
      (table.fill (i32.const 0) (ref.func $handle) (i32.const 100000))
      (br 0))
    (unreachable)))
