#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
fn greet() -> String {
    "Hello".into()
}

fn main() {}
