#![deny(warnings)]

use std::error::Error;

#[picohttp::handler]
pub(crate) fn fail(
    request: &picohttp::Request,
    _: &mut picohttp::Response,
) -> Result<(), Box<dyn Error>> {
    request.text()?;
    Err("a handler stays a function".into())
}

fn main() {
    let response = picohttp::testing::get("/").call(fail);
    assert_eq!(response.text(), Ok("a handler stays a function\n"));
}
