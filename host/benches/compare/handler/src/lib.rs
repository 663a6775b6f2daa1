//! The comparison's handler for picohttp-host.

use picohttp::{Request, Response, handler};

mod logic;

picohttp::import_nothing!();

#[handler]
fn compare(request: &Request, response: &mut Response) {
    match logic::answer(&request.path[0], request.data.as_deref().unwrap_or_default()) {
        Some(data) => response.data = data,
        None => response.status = 404,
    }
}
