;; Begins with a function that is beyond the end of its table.
(core module $main
  (table 1 funcref)
  (func $nothing)
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable))
  (elem (i32.const 1) $nothing))
