//! The right ways to write a handler compile; the wrong ways say what is wrong.
//!
//! `TRYBUILD=overwrite cargo test -p picohttp-macros` writes the `.stderr` files.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
