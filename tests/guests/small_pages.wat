;; Has a memory whose pages are of one byte.
(core module $main
  (memory 1 (pagesize 1))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable)))
