;; Answers with data that are neither there nor not there.
(core module $main
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.const 16))
  (data (i32.const 4) "HTTP/1.0")
  (data (i32.const 16) "\00\00\00\00\04\00\00\00\08\00\00\00\c8\00\00\00")
  (data (i32.const 40) "\07"))
