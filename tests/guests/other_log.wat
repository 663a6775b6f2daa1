;; Imports a log, which this host does not give.
(import "wasi:logging/logging" (instance $logging
  (type $level (enum "trace" "debug" "info" "warn" "error" "critical"))
  (export "level" (type $level' (eq $level)))
  (export "log" (func (param "level" $level') (param "context" string) (param "message" string)))))
(core module $main
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (unreachable)))
