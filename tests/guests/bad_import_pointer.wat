;; Gives the host timers that would lie beyond its memory.
(import "wasi:io/poll@0.2.0" (instance $poll
  (export "pollable" (type $pollable (sub resource)))
  (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
(core module $memory
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
(core instance $memory (instantiate $memory))
(core func $poll (canon lower (func $poll "poll")
  (memory (core memory $memory "memory")) (realloc (core func $memory "cabi_realloc"))))
(core module $module
  (import "host" "poll" (func $poll (param i32 i32 i32)))
  (import "memory" "memory" (memory 1))
  (import "memory" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
  (export "memory" (memory 0))
  (export "cabi_realloc" (func $realloc))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $poll (i32.const 0xfffffff0) (i32.const 0x1000000) (i32.const 8))
    (unreachable)))
(core instance $main (instantiate $module
  (with "host" (instance
    (export "poll" (func $poll))))
  (with "memory" (instance $memory))))
