//! Guests in the text format, `tests/guests/NAME.wat`: only what is peculiar to each is
//! in its file, and the rest of the component is put around it here.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::guests::root;

/// The types of `wit/handler.wit`. They come before the guest's own text.
const TYPES: &str = r#"
  (import "picohttp:handler/types@0.1.0" (instance $types
    (type $request (record
      (field "method" string) (field "path" (list string))
      (field "query" (list (tuple string string))) (field "protocol" string)
      (field "headers" (list (tuple string string))) (field "data" (option (list u8)))))
    (export "request" (type (eq $request)))
    (type $response (record
      (field "protocol" string) (field "status" u16)
      (field "headers" (list (tuple string string))) (field "data" (option (list u8)))))
    (export "response" (type (eq $response)))))
  (alias export $types "request" (type $request))
  (alias export $types "response" (type $response))
"#;

/// The core function's parameters: pointers and lengths of the method, path, query,
/// protocol and headers; whether there is data, its pointer and length; and the same of
/// the arguments. Its result points at a `result<response, string>`.
const HANDLE: &str = r#"
  (func $handle (param "request" $request) (param "args" (list string))
    (result (result $response (error string)))
    (canon lift (core func $main "handle") (memory (core memory $main "memory"))
      (realloc (core func $main "cabi_realloc")) POST_RETURN))
  (export "handle" (func $handle))
"#;

/// A component out of a guest's text, which defines a core instance `$main` that
/// exports `memory`, `cabi_realloc` and `handle`, and perhaps `cabi_post_handle`.
///
/// A text without an instance of that name is one core module, of which one is made.
pub fn component(text: &str) -> Result<Vec<u8>> {
    let post_return = match text.contains("cabi_post_handle") {
        true => r#"(post-return (core func $main "cabi_post_handle"))"#,
        false => "",
    };
    let handle = HANDLE.replace("POST_RETURN", post_return);
    let main = match text.contains("(core instance $main") {
        true => "",
        false => "(core instance $main (instantiate $main))",
    };
    Ok(wat::parse_str(format!("(component {TYPES} {text} {main} {handle})"))?)
}

/// Whether there is `tests/guests/NAME.wat`.
pub fn is_guest(name: &str) -> bool {
    file(name).exists()
}

/// The component of `tests/guests/NAME.wat`.
pub fn guest(name: &str) -> Result<Vec<u8>> {
    let text = fs::read_to_string(file(name)).with_context(|| format!("no guest {name}.wat"))?;
    component(&text).with_context(|| format!("{name}.wat is not right"))
}

/// A guest in good health, with something more in it.
pub fn answer_with(text: &str) -> Result<Vec<u8>> {
    component(&format!("{text} {}", fs::read_to_string(file("answer"))?))
}

fn file(name: &str) -> PathBuf {
    root().join("tests/guests").join(name).with_extension("wat")
}
