;; Divides the least number by -1, which gives more than the greatest.
(core module $main
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.div_s (i32.const 0x80000000) (i32.sub (i32.load (i32.const 512)) (i32.const 1)))))
