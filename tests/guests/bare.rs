//! Imports nothing, and prints and looks at its environment all the same.

use std::io::IoSlice;

use picohttp::{Request, Response, handler};

picohttp::import_nothing!();

unsafe extern "C" {
    /// The C library's, whose parts have the form that Rust's have.
    fn writev(descriptor: i32, parts: *const IoSlice<'static>, count: i32) -> isize;
}

#[handler]
fn print(request: &Request, response: &mut Response) {
    println!("out");
    eprintln!("err");
    let has_name = std::env::var_os("NAME").is_some();
    assert!(request.path[0] != "panic", "asked to");
    let parts = [IoSlice::new(b""), IoSlice::new(b"to"), IoSlice::new(b" and fro")];
    // SAFETY: they are there.
    let written = unsafe { writev(1, parts.as_ptr(), 3) };
    response.data = format!("{has_name}, {written} written").into();
}
