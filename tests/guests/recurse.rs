//! Calls itself for ever; at `/host` it calls the host too, each time from deeper down.

use std::hint::black_box;
use std::time::Instant;

use picohttp::{Request, Response, handler};

#[handler]
fn recurse(request: &Request, response: &mut Response) {
    response.set_text(descend(0, request.path[0] == "host").to_string());
}

fn descend(depth: u64, host: bool) -> u64 {
    if depth == u64::MAX {
        return 0;
    }
    if host {
        black_box(Instant::now());
    }
    black_box(descend(depth + 1, host)) + 1
}
