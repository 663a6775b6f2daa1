//! Imports nothing, and prints and looks at its environment all the same.

use picohttp::{Request, Response, handler};

picohttp::import_nothing!();

#[handler]
fn print(request: &Request, response: &mut Response) {
    println!("out");
    eprintln!("err");
    let has_name = std::env::var_os("NAME").is_some();
    assert!(request.path[0] != "panic", "asked to");
    response.data = format!("{has_name}").into();
}
