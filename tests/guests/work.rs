//! Computes: as many thousand steps as its path says, each of about a nanosecond.

use std::hint::black_box;

use picohttp::{Request, Response, handler};

#[handler]
fn work(request: &Request, response: &mut Response) -> Result<(), std::num::ParseIntError> {
    let thousands: u32 = request.path[0].parse()?;
    let steps = (0..thousands).flat_map(|_| 0..1000_u32);
    let state = steps.fold(1_u32, |state, step| black_box(state.rotate_left(5) ^ step));
    response.data = format!("{state}").into();
    Ok(())
}
