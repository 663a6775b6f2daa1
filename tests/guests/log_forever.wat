;; Logs for ever by wasi:logging, the same message of two lines, with an escape in it.
(import "wasi:logging/logging@0.1.0-draft" (instance $logging
  (type $level (enum "trace" "debug" "info" "warn" "error" "critical"))
  (export "level" (type $level' (eq $level)))
  (export "log" (func
    (param "level" $level') (param "context" string) (param "message" string)))))
(core module $memory
  (memory (export "memory") 1)
  (data (i32.const 16) "db\n")
  (data (i32.const 32) "one\ntwo \1b[31m")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
(core instance $memory (instantiate $memory))
(core func $log (canon lower (func $logging "log")
  (memory (core memory $memory "memory")) (realloc (core func $memory "cabi_realloc"))))
(core module $module
  (import "logging" "log" (func $log (param i32 i32 i32 i32 i32)))
  (import "memory" "memory" (memory 1))
  (import "memory" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
  (export "memory" (memory 0))
  (export "cabi_realloc" (func $realloc))
  (func (export "handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (loop $again
      (call $log (i32.const 3) (i32.const 16) (i32.const 3) (i32.const 32) (i32.const 13))
      (br $again))
    (unreachable)))
(core instance $main (instantiate $module
  (with "logging" (instance (export "log" (func $log))))
  (with "memory" (instance $memory))))
