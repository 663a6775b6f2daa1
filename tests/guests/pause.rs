//! Sleeps for as many milliseconds as its path says.

use std::thread;
use std::time::Duration;

use picohttp::{Request, Response, handler};

#[handler]
fn pause(request: &Request, _response: &mut Response) -> Result<(), std::num::ParseIntError> {
    thread::sleep(Duration::from_millis(request.path[0].parse()?));
    Ok(())
}
