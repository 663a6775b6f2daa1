//! The first example of Python's picohttp, line for line.

use picohttp::{Request, Response, handler};

#[handler]
fn greet(request: &Request, response: &mut Response) {
    match request.path[0].as_str() {
        "hello" => response.data = "Hello world!".into(),
        "goodbye" => response.data = "Goodbye cruel world".into(),
        _ => response.status = 404,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picohttp::testing;

    #[test]
    fn greets() {
        let response = testing::get("/hello").call(greet);
        assert_eq!((response.status, response.text()), (200, Ok("Hello world!")));
    }

    #[test]
    fn knows_nothing_else() {
        let response = testing::get("/").call(greet);
        assert_eq!((response.status, response.text()), (404, Ok("")));
    }
}
