;; Makes resources of its own, of which the host keeps count, and drops none.
(type $thing (resource (rep i32)))
(core func $new (canon resource.new $thing))
(core module $module
  (import "thing" "new" (func $new (param i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop
      (drop (call $new (i32.const 7)))
      (br 0))
    (unreachable)))
(core instance $main (instantiate $module
  (with "thing" (instance (export "new" (func $new))))))
