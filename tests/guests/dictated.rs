//! Answers as its request's body says, in JSON: with this `protocol`, `status`, `headers`
//! and `data`, and after that perhaps an `error` or a `panic`.

use picohttp::{Request, Response, handler};
use serde_json::Value;

#[handler]
fn dictated(request: &Request, response: &mut Response) -> Result<(), String> {
    let wish: Value = serde_json::from_str(request.text().map_err(|error| error.to_string())?)
        .map_err(|error| error.to_string())?;
    if let Some(protocol) = wish["protocol"].as_str() {
        response.protocol = protocol.to_owned();
    }
    if let Some(status) = wish["status"].as_u64() {
        response.status = status as u16;
    }
    for header in wish["headers"].as_array().into_iter().flatten() {
        let part = |part: usize| header[part].as_str().unwrap_or_default();
        response.add_header(part(0), part(1));
    }
    if let Some(data) = wish["data"].as_str() {
        response.data = data.into();
    }
    match (wish["panic"].as_str(), wish["error"].as_str()) {
        (Some(message), _) => panic!("{message}"),
        (_, Some(message)) => Err(message.to_owned()),
        _ => Ok(()),
    }
}
