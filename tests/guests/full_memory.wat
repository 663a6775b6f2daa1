;; Has a memory that may not grow, tries to grow it again and again, and grows another
;; one after that; its pages are the status.
(core module $full
  (memory 1 1)
  (func (export "grow") (result i32) (memory.grow (i32.const 1))))
(core instance $full (instantiate $full))
(core module $module
  (import "full" "grow" (func $grow (result i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $tries i32)
    (loop
      (drop (call $grow))
      (local.set $tries (i32.add (local.get $tries) (i32.const 1)))
      (br_if 0 (i32.lt_u (local.get $tries) (i32.const 10000))))
    (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (i32.store16 (i32.const 28) (memory.size))
    (i32.const 16))
  (data (i32.const 4) "HTTP/1.0")
  (data (i32.const 16) "\00\00\00\00\04\00\00\00\08\00\00\00\00\00\00\00"))
(core instance $main (instantiate $module (with "full" (instance $full))))
