;; Calls a function as if it were of another type.
(core module $main
  (table 1 funcref)
  (elem (i32.const 0) $nothing)
  (func $nothing)
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call_indirect (result i32) (i32.const 0))))
