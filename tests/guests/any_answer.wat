;; Answers with what its request's body says: byte for byte, the memory of the answer.
(core module $main
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 0x10000))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $free)
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const -8))))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    (param $data i32) (param $length i32) (param i32 i32) (result i32)
    (memory.copy (i32.const 16) (local.get $data) (local.get $length))
    (i32.const 16)))
