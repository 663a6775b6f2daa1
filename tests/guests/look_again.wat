;; Asks for ever whether a timer is over that never will be.
(import "wasi:io/poll@0.2.0" (instance $poll
  (export "pollable" (type $pollable (sub resource)))
  (export "[method]pollable.ready" (func (param "self" (borrow $pollable)) (result bool)))))
(alias export $poll "pollable" (type $pollable))
(import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
  (alias outer 1 $pollable (type $pollable'))
  (export "pollable" (type $timer (eq $pollable')))
  (export "subscribe-duration" (func (param "when" u64) (result (own $timer))))))
(core func $subscribe (canon lower (func $clock "subscribe-duration")))
(core func $ready (canon lower (func $poll "[method]pollable.ready")))
(core module $module
  (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
  (import "host" "ready" (func $ready (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $timer i32)
    (local.set $timer (call $subscribe (i64.const -1)))
    (loop
      (br_if 0 (i32.eqz (call $ready (local.get $timer)))))
    (unreachable)))
(core instance $main (instantiate $module
  (with "host" (instance
    (export "subscribe" (func $subscribe))
    (export "ready" (func $ready))))))
