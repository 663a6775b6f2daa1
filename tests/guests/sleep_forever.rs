//! Sleeps for as long as a clock can count.

use std::thread;
use std::time::Duration;

use picohttp::{Request, Response, handler};

#[handler]
fn sleep_forever(_request: &Request, _response: &mut Response) {
    thread::sleep(Duration::MAX);
}
