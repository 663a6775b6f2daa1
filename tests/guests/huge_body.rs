//! Answers with as many bytes as its path says.

use picohttp::{Request, Response, handler};

#[handler]
fn huge_body(request: &Request, response: &mut Response) -> Result<(), std::num::ParseIntError> {
    response.data = vec![b'x'; request.path[0].parse()?];
    Ok(())
}
