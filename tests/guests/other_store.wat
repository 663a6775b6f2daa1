;; Imports a store of keys and values, which this host does not give.
(import "wasi:keyvalue/store@0.2.0-draft" (instance $store
  (export "bucket" (type $bucket (sub resource)))
  (export "open" (func (param "identifier" string) (result (own $bucket))))))
(core module $main
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable)))
