#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
fn greet(request: &Request, response: &mut Response, greeting: &str) {}

fn main() {}
