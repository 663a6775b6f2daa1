#![allow(unused)]

use picohttp::{Request, Response, handler};

struct Oops;

#[handler]
fn greet(request: &Request, response: &mut Response) -> Result<(), Oops> {
    Err(Oops)
}

fn main() {}
