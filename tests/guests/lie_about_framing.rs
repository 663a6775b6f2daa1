//! Answers with four bytes and with headers that say otherwise. Its path says which.

use picohttp::{Request, Response, handler};

#[handler]
fn lie_about_framing(request: &Request, response: &mut Response) {
    let (name, value) = match request.path[0].as_str() {
        "too-long" => ("Content-Length", "999"),
        "too-short" => ("content-length", "1"),
        "negative" => ("CONTENT-LENGTH", "-1"),
        "chunked" => ("Transfer-Encoding", "chunked"),
        "keep-alive" => ("Connection", "keep-alive"),
        "upgrade" => ("Connection", "upgrade"),
        _ => ("Keep-Alive", "timeout=1000"),
    };
    response.add_header(name, value);
    response.add_header(name, value);
    response.data = "four".into();
}
