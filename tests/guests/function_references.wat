;; Calls a function by a reference with a type.
(core module $main
  (type $number (func (result i32)))
  (elem declare func $one)
  (func $one (type $number) (i32.const 16))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call_ref $number (ref.func $one))))
