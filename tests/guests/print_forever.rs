//! Prints for ever: to its standard output, or at `/err` to its standard error.

use std::io::{Write, stderr, stdout};

use picohttp::{Request, Response, handler};

#[handler]
fn print_forever(request: &Request, _response: &mut Response) -> std::io::Result<()> {
    let line = "to and fro\n".repeat(1000);
    loop {
        match request.path[0].as_str() {
            "err" => stderr().write_all(line.as_bytes())?,
            _ => stdout().write_all(line.as_bytes())?,
        }
    }
}
