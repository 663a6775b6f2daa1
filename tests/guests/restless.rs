//! Computes for three milliseconds and sleeps for one, again and again.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use picohttp::{Request, Response, handler};

#[handler]
fn restless(_request: &Request, _response: &mut Response) {
    loop {
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(3) {
            black_box(&began);
        }
        thread::sleep(Duration::from_millis(1));
    }
}
