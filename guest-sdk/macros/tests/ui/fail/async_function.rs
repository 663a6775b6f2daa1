#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
async fn greet(request: &Request, response: &mut Response) {}

fn main() {}
