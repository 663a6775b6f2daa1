#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler(greeting = "Hello")]
fn greet(request: &Request, response: &mut Response) {}

fn main() {}
