;; `POISON` grows the memory to 1.25 MiB, writes a pattern all over it, and leaves a global
;; and a table element behind as well. `SCAN` looks for what is left of that, and answers with
;; 200 if there is nothing, else with 299. With more letters than six, it is 4 MiB.
(core module $main
  (memory (export "memory") 2)
  (table 8 funcref)
  (elem declare func $handle)
  (global $mark (mut i64) (i64.const 0))
  (global $pattern i64 (i64.const 0x7f5a_c3e1_9b46_d208))
  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $free)
    (global.set $free
      (i32.and (i32.add (i32.add (global.get $free) (local.get 3)) (i32.const 7)) (i32.const -8))))
  (func $handle (export "handle") (param $method i32)
    (param $letters i32)
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $poison i32) (local $address i32) (local $found i32) (local $end i32)
    (local.set $end (select (i32.const 0x400000) (i32.const 0x140000)
      (i32.gt_u (local.get $letters) (i32.const 6))))
    (local.set $poison (i32.eq (i32.load8_u (local.get $method)) (i32.const 0x50)))
    (drop (memory.grow
      (i32.sub (i32.shr_u (local.get $end) (i32.const 16)) (memory.size))))
    (if (local.get $poison) (then
      (global.set $mark (global.get $pattern))
      (table.set (i32.const 3) (ref.func $handle))))
    (local.set $found (i32.or
      (i64.eq (global.get $mark) (global.get $pattern))
      (i32.eqz (ref.is_null (table.get (i32.const 3))))))
    (local.set $address (i32.const 0x1000))
    (loop
      (if (local.get $poison)
        (then (i64.store (local.get $address) (global.get $pattern))))
      (if (i64.eq (i64.load (local.get $address)) (global.get $pattern))
        (then (local.set $found (i32.const 1))))
      (local.set $address (i32.add (local.get $address) (i32.const 8)))
      (br_if 0 (i32.lt_u (local.get $address) (local.get $end))))
    (if (local.get $found) (then (i32.store16 (i32.const 28) (i32.const 299))))
    (i32.const 16))
  (data (i32.const 4) "HTTP/1.0")
  (data (i32.const 16) "\00\00\00\00\04\00\00\00\08\00\00\00\c8\00\00\00"))
