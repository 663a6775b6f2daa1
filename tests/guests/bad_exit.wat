;; Exits with what is neither a success nor a failure.
(import "wasi:cli/exit@0.2.0" (instance $exit
  (export "exit" (func (param "status" (result))))))
(core func $exit (canon lower (func $exit "exit")))
(core module $module
  (import "host" "exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $exit (i32.const 7))
    (i32.const 16))
  (data (i32.const 4) "HTTP/1.0")
  (data (i32.const 16) "\00\00\00\00\04\00\00\00\08\00\00\00\c8\00\00\00"))
(core instance $main (instantiate $module
  (with "host" (instance
    (export "exit" (func $exit))))))
