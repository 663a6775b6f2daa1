#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
fn greet(request: &String, response: &mut Response) {}

fn main() {}
