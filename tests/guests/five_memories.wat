;; Has five memories in one module.
(core module $main
  (memory (export "memory") 1)
  (memory 1)
  (memory 1)
  (memory 1)
  (memory 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable)))
