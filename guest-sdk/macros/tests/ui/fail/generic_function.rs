#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
fn greet<T: std::str::FromStr>(request: &Request, response: &mut Response, greeting: T) {}

fn main() {}
