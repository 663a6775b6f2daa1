//! Exits with the code in its path.

use std::process;

use picohttp::{Request, Response, handler};

#[handler]
fn exit(request: &Request, _response: &mut Response) {
    process::exit(request.path[0].parse().unwrap_or_default());
}
