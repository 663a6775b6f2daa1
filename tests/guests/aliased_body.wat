;; Answers with a header and data that are the same 8 MiB of memory.
(core module $main
  (memory (export "memory") 0x81)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.const 16))
  (data (i32.const 4) "HTTP/1.0")
  (data (i32.const 16) "\00\00\00\00\04\00\00\00\08\00\00\00\c8\00\00\00")
  (data (i32.const 32) "\40\00\00\00\01\00\00\00\01\00\00\00\00\00\01\00\00\00\80\00")
  ;; The header's name is `HTTP`, and its value the data.
  (data (i32.const 64) "\04\00\00\00\04\00\00\00\00\00\01\00\00\00\80\00"))
