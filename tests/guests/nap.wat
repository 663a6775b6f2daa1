;; Sleeps for a microsecond, again and again.
(import "wasi:io/poll@0.2.0" (instance $poll
  (export "pollable" (type $pollable (sub resource)))
  (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
(alias export $poll "pollable" (type $pollable))
(import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
  (alias outer 1 $pollable (type $pollable'))
  (export "pollable" (type $timer (eq $pollable')))
  (export "subscribe-duration" (func (param "when" u64) (result (own $timer))))))
(core func $subscribe (canon lower (func $clock "subscribe-duration")))
(core func $drop (canon resource.drop $pollable))
(core func $block (canon lower (func $poll "[method]pollable.block")))
(core module $module
  (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
  (import "host" "drop" (func $drop (param i32)))
  (import "host" "block" (func $block (param i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $timer i32)
    (loop
      (local.set $timer (call $subscribe (i64.const 1000)))
      (call $block (local.get $timer))
      (call $drop (local.get $timer))
      (br 0))
    (unreachable)))
(core instance $main (instantiate $module
  (with "host" (instance
    (export "subscribe" (func $subscribe))
    (export "drop" (func $drop))
    (export "block" (func $block))))))
