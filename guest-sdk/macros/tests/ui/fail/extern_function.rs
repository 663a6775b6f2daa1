#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
extern "C" fn greet(request: &Request, response: &mut Response) {}

fn main() {}
