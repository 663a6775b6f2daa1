//! Answers with a header or a protocol that would be more than one line, or not what it
//! says, if it were sent. Its path says which.

use picohttp::{Request, Response, handler};

#[handler]
fn forge_head(request: &Request, response: &mut Response) {
    let (name, value) = match request.path[0].as_str() {
        "crlf-in-value" => ("A", "b\r\nForged: 1"),
        "cr-in-value" => ("A", "b\rForged: 1"),
        "lf-in-value" => ("A", "b\nForged: 1"),
        "nul-in-value" => ("A", "b\0Forged"),
        "whole-answer-in-value" => ("A", "\r\n\r\nHTTP/1.0 200 Forged\r\n\r\n"),
        "empty-name" => ("", "Forged"),
        "colon-in-name" => ("Forged: 1\r\nA", "b"),
        "only-a-colon" => (":", "Forged"),
        "space-in-name" => ("Forged A", "b"),
        "space-after-name" => ("Transfer-Encoding ", "Forged"),
        "crlf-in-name" => ("A\r\nForged", "b"),
        "nul-in-name" => ("A\0", "Forged"),
        "delete-in-name" => ("A\x7f", "Forged"),
        _ => ("A", "b"),
    };
    response.add_header(name, value);
    match request.path[0].as_str() {
        "empty-protocol" => response.protocol = String::new(),
        "space-in-protocol" => response.protocol = "HTTP/1.0 200 Forged".to_owned(),
        "crlf-in-protocol" => response.protocol = "HTTP/1.0 200 OK\r\nForged: 1\r\nA:".to_owned(),
        "nul-in-protocol" => response.protocol = "HTTP/1.0\0".to_owned(),
        _ => {}
    }
}
