;; Drops a timer that it never had.
(import "wasi:io/poll@0.2.0" (instance $poll
  (export "pollable" (type $pollable (sub resource)))))
(alias export $poll "pollable" (type $pollable))
(core func $drop (canon resource.drop $pollable))
(core module $module
  (import "host" "drop" (func $drop (param i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $drop (i32.const 7))
    (i32.const 16))
  (data (i32.const 4) "HTTP/1.0")
  (data (i32.const 16) "\00\00\00\00\04\00\00\00\08\00\00\00\c8\00\00\00"))
(core instance $main (instantiate $module
  (with "host" (instance
    (export "drop" (func $drop))))))
