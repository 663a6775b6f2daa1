;; Fails with a message that is not UTF-8.
(core module $main
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.const 16))
  (data (i32.const 4) "\ff\fe")
  (data (i32.const 16) "\01\00\00\00\04\00\00\00\02\00\00\00"))
