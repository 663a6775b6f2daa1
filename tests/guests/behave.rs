//! Does what its path says, as the handler in `tests/parity/handler.py` does, and
//! otherwise answers with what it was given.

use picohttp::{Request, Response, handler};
use serde_json::json;

#[handler]
fn behave(request: &Request, response: &mut Response, args: Vec<String>) -> Result<(), String> {
    let rest = &request.path[1..];
    match request.path[0].as_str() {
        "status" => response.status = rest[0].parse().map_err(|error| format!("{error}"))?,
        "header" => response.set_header(&rest[0], rest[1..].join("/")),
        "raise" => return Err(rest.join("/")),
        "protocol" => response.protocol = rest.join("/"),
        "data" => response.data = rest.join("/").into(),
        "bytes" => response.data = b"\x00\xff\xfe".into(),
        "length" => {
            response.set_header("Content-Length", "999");
            response.set_header("Connection", "keep-alive");
        }
        "empty" => {}
        _ => response.data = seen(request, args).into(),
    }
    Ok(())
}

/// As JSON. In `data` each character is one byte.
fn seen(request: &Request, args: Vec<String>) -> String {
    let data = request.data.as_ref();
    json!({
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "protocol": request.protocol,
        "headers": request.headers,
        "data": data.map(|data| data.iter().copied().map(char::from).collect::<String>()),
        "args": args,
    })
    .to_string()
}
