//! Fails with a message of as many bytes as its path says.

use picohttp::{Request, Response, handler};

#[handler]
fn huge_error(request: &Request, _response: &mut Response) -> Result<(), String> {
    Err("x".repeat(request.path[0].parse().unwrap_or_default()))
}
