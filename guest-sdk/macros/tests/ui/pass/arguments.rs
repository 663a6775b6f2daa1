#![deny(warnings)]

use std::net::IpAddr;

use picohttp::{Request, Response, handler};

#[handler]
fn everything(
    _: &Request,
    _: &mut Response,
    _text: String,
    mut _number: u8,
    _address: IpAddr,
    _perhaps: Option<bool>,
    _rest: Vec<f64>,
) {
}

fn main() {}
