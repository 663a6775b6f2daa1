;; Answers with a protocol of 60 MiB.
(core module $main
  (memory (export "memory") 0x3d1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (memory.fill (i32.const 0x10000) (i32.const 0x61) (i32.const 0x3c00000))
    (i32.const 16))
  (data (i32.const 16) "\00\00\00\00\00\00\01\00\00\00\c0\03\c8\00\00\00"))
