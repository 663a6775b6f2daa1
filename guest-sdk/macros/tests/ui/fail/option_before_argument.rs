#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
fn greet(request: &Request, response: &mut Response, times: std::option::Option<u32>, name: String) {}

fn main() {}
