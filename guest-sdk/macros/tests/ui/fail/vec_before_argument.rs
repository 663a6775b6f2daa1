#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
fn greet(request: &Request, response: &mut Response, names: Vec<String>, times: u32) {}

fn main() {}
