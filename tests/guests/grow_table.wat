;; Grows a table by 500 elements at a time for as long as it can, and answers with how
;; often it could as the status.
(core module $main
  (memory (export "memory") 1)
  (table $table 0 funcref)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop
      (br_if 0 (i32.ne
        (table.grow $table (ref.null func) (i32.const 500)) (i32.const -1))))
    (i32.store16 (i32.const 28) (i32.div_u (table.size $table) (i32.const 500)))
    (i32.const 16))
  (data (i32.const 4) "HTTP/1.0")
  (data (i32.const 16) "\00\00\00\00\04\00\00\00\08\00\00\00\00\00\00\00"))
