//! Answers with everything that it was given, as JSON.

use picohttp::{Request, Response, handler};
use serde::Serialize;

#[derive(Serialize)]
struct Echo<'a> {
    method: &'a str,
    path: &'a [String],
    query: &'a [(String, String)],
    protocol: &'a str,
    headers: &'a [(String, String)],
    data: Option<Data<'a>>,
    args: Vec<String>,
}

/// A body: `"text"` if it is UTF-8, else `{"bytes": [255, 0]}`.
#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Text(&'a str),
    Bytes { bytes: &'a [u8] },
}

impl<'a> From<&'a [u8]> for Data<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) => Data::Text(text),
            Err(_) => Data::Bytes { bytes },
        }
    }
}

#[handler]
fn echo(request: &Request, response: &mut Response, args: Vec<String>) -> serde_json::Result<()> {
    response.set_json(&Echo {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        protocol: &request.protocol,
        headers: &request.headers,
        data: request.data.as_deref().map(Data::from),
        args,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use picohttp::testing::{self, TestRequest};
    use serde_json::{Value, json};

    fn check(request: TestRequest, expected: Value) {
        let response = request.call(echo);
        assert_eq!(response.header("Content-Type"), Some("application/json"));
        assert_eq!(serde_json::from_slice::<Value>(&response.data).unwrap(), expected);
    }

    #[test]
    fn echoes_every_part() {
        check(
            testing::request("PUT", "/a/b%20c?d=e&f").header("Host", "h").data("é").arg("x"),
            json!({
                "method": "PUT",
                "path": ["a", "b%20c"],
                "query": [["d", "e"], ["f", ""]],
                "protocol": "HTTP/1.1",
                "headers": [["Host", "h"]],
                "data": "é",
                "args": ["x"],
            }),
        );
    }

    #[test]
    fn echoes_absence() {
        check(
            testing::get("/"),
            json!({
                "method": "GET",
                "path": [""],
                "query": [],
                "protocol": "HTTP/1.1",
                "headers": [],
                "data": null,
                "args": [],
            }),
        );
    }

    #[test]
    fn echoes_bytes_that_are_not_text() {
        let response = testing::post("/", [0xff, 0]).call(echo);
        let echo: Value = serde_json::from_slice(&response.data).unwrap();
        assert_eq!(echo["data"], json!({"bytes": [0xff, 0]}));
    }
}
