;; Grows four memories in turn for as long as it can, and answers with the number of
;; their pages in sum as the status.
(core module $bank
  (memory 1)
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "size") (result i32) (memory.size)))
(core instance $a (instantiate $bank))
(core instance $b (instantiate $bank))
(core instance $c (instantiate $bank))
(core module $module
  (import "a" "grow" (func $grow_a (result i32)))
  (import "a" "size" (func $size_a (result i32)))
  (import "b" "grow" (func $grow_b (result i32)))
  (import "b" "size" (func $size_b (result i32)))
  (import "c" "grow" (func $grow_c (result i32)))
  (import "c" "size" (func $size_c (result i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop $again
      (drop (call $grow_a))
      (drop (call $grow_b))
      (drop (call $grow_c))
      (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (i32.store16 (i32.const 28)
      (i32.add
        (i32.add (call $size_a) (call $size_b))
        (i32.add (call $size_c) (memory.size))))
    (i32.const 16))
  (data (i32.const 4) "HTTP/1.0")
  (data (i32.const 16) "\00\00\00\00\04\00\00\00\08\00\00\00\00\00\00\00"))
(core instance $main (instantiate $module
  (with "a" (instance $a)) (with "b" (instance $b)) (with "c" (instance $c))))
