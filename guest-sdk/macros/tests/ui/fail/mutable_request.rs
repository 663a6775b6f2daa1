#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
fn greet(request: &mut Request, response: &mut Response) {}

fn main() {}
