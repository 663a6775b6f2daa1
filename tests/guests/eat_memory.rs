//! Takes all the memory that it can get, and uses it.

use std::hint::black_box;

use picohttp::{Request, Response, handler};

#[handler]
fn eat_memory(_request: &Request, _response: &mut Response) {
    let mut eaten = Vec::new();
    loop {
        eaten.push(black_box(vec![1u8; 1 << 20]));
    }
}
