;; Asks for 1 GiB of random bytes.
(import "wasi:random/random@0.2.0" (instance $random
  (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
(core module $memory
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
(core instance $memory (instantiate $memory))
(core func $bytes (canon lower (func $random "get-random-bytes")
  (memory (core memory $memory "memory")) (realloc (core func $memory "cabi_realloc"))))
(core module $module
  (import "random" "bytes" (func $bytes (param i64 i32)))
  (import "memory" "memory" (memory 1))
  (import "memory" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
  (export "memory" (memory 0))
  (export "cabi_realloc" (func $realloc))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $bytes (i64.const 0x4000_0000) (i32.const 8))
    (unreachable)))
(core instance $main (instantiate $module
  (with "random" (instance (export "bytes" (func $bytes))))
  (with "memory" (instance $memory))))
