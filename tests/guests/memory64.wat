;; Has a memory with addresses of 64 bits.
(core module $main
  (memory i64 1)
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable)))
