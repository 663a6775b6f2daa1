;; Grows its memory for as long as it can. `GET` is answered with the number of pages
;; as the status; any other method is not answered.
(core module $main
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $free)
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const -8))))
  (func (export "handle")
    (param $method i32)
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (if (i32.ne (i32.load8_u (local.get $method)) (i32.const 0x47)) (then (unreachable)))
    (i32.store16 (i32.const 28) (memory.size))
    (i32.const 16))
  (data (i32.const 4) "HTTP/1.0")
  (data (i32.const 16) "\00\00\00\00\04\00\00\00\08\00\00\00\00\00\00\00"))
