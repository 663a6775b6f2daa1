#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
fn greet(request: &Request, response: &mut Response) {}

mod other {
    use super::*;

    #[handler]
    fn part(request: &Request, response: &mut Response) {}
}

fn main() {}
