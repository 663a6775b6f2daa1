;; Counts to a thousand million while it is instantiated, and answers 200 then.
(core module $main
  (memory (export "memory") 1)
  (func $count (local $number i32)
    (loop $more
      (local.set $number (i32.add (local.get $number) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $number) (i32.const 1_000_000_000)))))
  (start $count)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.const 16))
  ;; At 16 an `ok`: the protocol is at 4, the status 200, no headers and no data.
  (data (i32.const 4) "HTTP/1.0")
  (data (i32.const 16) "\00\00\00\00\04\00\00\00\08\00\00\00\c8\00\00\00"))
