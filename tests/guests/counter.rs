//! Counts its requests, in the ways that a program keeps something between calls.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use picohttp::{Request, Response, handler};

static GLOBAL: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static LOCAL: Cell<u32> = const { Cell::new(0) };
}

#[handler]
fn counter(_request: &Request, response: &mut Response) {
    let global = GLOBAL.fetch_add(1, Ordering::Relaxed) + 1;
    LOCAL.set(LOCAL.get() + 1);
    response.set_text(format!("{global} {}", LOCAL.get()));
}
