//! Answers with as many headers as its path says.

use picohttp::{Request, Response, handler};

#[handler]
fn many_headers(request: &Request, response: &mut Response) -> Result<(), std::num::ParseIntError> {
    response.headers = vec![("a".to_owned(), "b".to_owned()); request.path[0].parse()?];
    Ok(())
}
