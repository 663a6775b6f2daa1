#![allow(unused)]

use picohttp::{Request, Response, handler};

#[handler]
struct Greet;

fn main() {}
