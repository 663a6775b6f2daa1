;; Calls itself for ever while it is given its request.
(core module $main
  (memory (export "memory") 1)
  (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.add (i32.const 1)
      (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3))))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable)))
