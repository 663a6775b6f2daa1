//! Does what its path says, as the handler in `tests/parity/handler.py` does.

use picohttp::{Request, Response, handler};

#[handler]
fn behave(request: &Request, response: &mut Response) {
    let _ = (request, response);
}
