//! Panics.

use picohttp::{Request, Response, handler};

#[handler]
fn panics(_request: &Request, _response: &mut Response) {
    panic!("not for the client to read");
}
