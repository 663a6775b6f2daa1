;; Asks for the time for ever.
(import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
  (export "now" (func (result u64)))))
(core func $now (canon lower (func $clock "now")))
(core module $module
  (import "host" "now" (func $now (result i64)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop
      (drop (call $now))
      (br 0))
    (unreachable)))
(core instance $main (instantiate $module
  (with "host" (instance
    (export "now" (func $now))))))
