#![allow(unused)]

use picohttp::{Request, Response, handler};

struct Greeting;

#[handler]
fn greet(request: &Request, response: &mut Response, greeting: Greeting) {}

fn main() {}
