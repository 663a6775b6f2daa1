;; Has a memory that threads could share.
(core module $main
  (memory 1 1 shared)
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable)))
