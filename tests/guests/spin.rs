//! Loops for ever.

use picohttp::{Request, Response, handler};

#[handler]
fn spin(_request: &Request, _response: &mut Response) {
    loop {
        std::hint::spin_loop();
    }
}
