//! Aborts.

use picohttp::{Request, Response, handler};

#[handler]
fn abort(_request: &Request, _response: &mut Response) {
    std::process::abort();
}
