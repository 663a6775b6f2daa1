//! Answers with the status in its path, and with data whether that may have any or not.

use picohttp::{Request, Response, handler};

#[handler]
fn any_status(request: &Request, response: &mut Response) -> Result<(), std::num::ParseIntError> {
    response.status = request.path[0].parse()?;
    response.data = "data".into();
    Ok(())
}
