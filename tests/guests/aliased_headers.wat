;; Answers with 10 000 headers whose values are all the same 64 KiB of memory: a host
;; that copies each of them takes 640 MB.
(core module $main
  (memory (export "memory") 8)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $header i32)
    (memory.fill (i32.const 0x10000) (i32.const 0x61) (i32.const 0x10000))
    (local.set $header (i32.const 0x20000))
    (loop
      (i64.store (local.get $header) (i64.const 0x0000_0001_0000_0004))
      (i64.store offset=8 (local.get $header) (i64.const 0x0001_0000_0001_0000))
      (local.set $header (i32.add (local.get $header) (i32.const 16)))
      (br_if 0 (i32.lt_u (local.get $header) (i32.const 0x47100))))
    (i32.const 16))
  (data (i32.const 4) "HTTP/1.0")
  ;; The list is at 0x20000.
  (data (i32.const 16)
    "\00\00\00\00\04\00\00\00\08\00\00\00\c8\00\00\00\00\00\02\00\10\27\00\00"))
