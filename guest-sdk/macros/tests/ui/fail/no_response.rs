#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
fn greet(request: &Request) -> Response {
    Response::default()
}

fn main() {}
