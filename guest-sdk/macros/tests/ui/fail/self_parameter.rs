#![allow(unused)]

use picohttp::{Request, Response, handler};

struct Greet;

impl Greet {
    #[handler]
    fn greet(&self, request: &Request, response: &mut Response) {}
}

fn main() {}
