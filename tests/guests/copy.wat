;; Copies 8 MiB of memory again and again, each time in one instruction.
(core module $main
  (memory (export "memory") 256)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop
      (memory.copy (i32.const 0) (i32.const 0x800000) (i32.const 0x800000))
      (br 0))
    (unreachable)))
