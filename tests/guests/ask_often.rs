//! Asks the host for the time, as often as its path says.

use std::hint::black_box;
use std::time::Instant;

use picohttp::{Request, Response, handler};

#[handler]
fn ask_often(request: &Request, _response: &mut Response) -> Result<(), std::num::ParseIntError> {
    let times: u32 = request.path[0].parse()?;
    for _ in 0..times {
        black_box(Instant::now());
    }
    Ok(())
}
