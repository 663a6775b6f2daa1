use picohttp::{Request, Response, handler};

#[handler]
fn greet(request: &Request, response: &mut Response) {
    match request.path[0].as_str() {
        "hello" => response.data = "Hello world!".into(),
        "goodbye" => response.data = "Goodbye cruel world".into(),
        _ => response.status = 404,
    }
}

fn main() {}
