#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
unsafe fn greet(request: &Request, response: &mut Response) {}

fn main() {}
