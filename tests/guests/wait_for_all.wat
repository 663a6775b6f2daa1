;; Waits for fifty timers, none of which will ever be over.
(import "wasi:io/poll@0.2.0" (instance $poll
  (export "pollable" (type $pollable (sub resource)))
  (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
(alias export $poll "pollable" (type $pollable))
(import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
  (alias outer 1 $pollable (type $pollable'))
  (export "pollable" (type $timer (eq $pollable')))
  (export "subscribe-duration" (func (param "when" u64) (result (own $timer))))))
(core module $memory
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
(core instance $memory (instantiate $memory))
(core func $subscribe (canon lower (func $clock "subscribe-duration")))
(core func $poll (canon lower (func $poll "poll")
  (memory (core memory $memory "memory")) (realloc (core func $memory "cabi_realloc"))))
(core module $module
  (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
  (import "host" "poll" (func $poll (param i32 i32 i32)))
  (import "memory" "memory" (memory 1))
  (import "memory" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
  (export "memory" (memory 0))
  (export "cabi_realloc" (func $realloc))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $place i32)
    (local.set $place (i32.const 4096))
    (loop
      (i32.store (local.get $place) (call $subscribe (i64.const -1)))
      (local.set $place (i32.add (local.get $place) (i32.const 4)))
      (br_if 0 (i32.lt_u (local.get $place) (i32.const 4296))))
    (call $poll (i32.const 4096) (i32.const 50) (i32.const 8))
    (unreachable)))
(core instance $main (instantiate $module
  (with "host" (instance
    (export "subscribe" (func $subscribe))
    (export "poll" (func $poll))))
  (with "memory" (instance $memory))))
