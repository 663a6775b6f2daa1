;; Makes an integer out of what is not a number.
(core module $main
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.trunc_f32_s (f32.div (f32.load (i32.const 512)) (f32.load (i32.const 512))))))
