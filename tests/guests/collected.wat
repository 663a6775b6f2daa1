;; Makes objects that somebody would have to collect.
(core module $main
  (type $pair (struct (field i32) (field i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (drop (struct.new $pair (i32.const 1) (i32.const 2)))
    (unreachable)))
