;; Asks for timers and drops none.
(import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
(alias export $poll "pollable" (type $pollable))
(import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
  (alias outer 1 $pollable (type $pollable'))
  (export "pollable" (type $timer (eq $pollable')))
  (export "subscribe-duration" (func (param "when" u64) (result (own $timer))))))
(core func $subscribe (canon lower (func $clock "subscribe-duration")))
(core module $module
  (import "clock" "subscribe" (func $subscribe (param i64) (result i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop
      (drop (call $subscribe (i64.const -1)))
      (br 0))
    (unreachable)))
(core instance $main (instantiate $module
  (with "clock" (instance (export "subscribe" (func $subscribe))))))
