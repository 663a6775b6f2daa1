//! A response is what a handler answers.

use std::str::Utf8Error;

use crate::headers;

/// One HTTP response: `HTTP/1.0`, status 200, no headers and no data until a
/// handler says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The protocol of the status line. Visible ASCII, without white space.
    pub protocol: String,
    /// The status code, from 200 to 999, registered or not.
    pub status: u16,
    /// The headers to send, in order. The host adds `Content-Length` and
    /// `Connection`, and drops a handler's own.
    pub headers: Vec<(String, String)>,
    /// The body. To a `HEAD` request it is measured and not sent, so a handler
    /// need not care. Strings and slices convert: `response.data = "text".into()`.
    pub data: Vec<u8>,
}

impl Response {
    /// The value of the first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        headers::values(&self.headers, name).next()
    }

    /// Sets a header, in place of any others of its name.
    pub fn set_header(&mut self, name: &str, value: impl Into<String>) {
        headers::set(&mut self.headers, name, value.into());
    }

    /// Adds a header and keeps others of its name, as `Set-Cookie` needs.
    pub fn add_header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// The data as text, or an error if it is not UTF-8.
    pub fn text(&self) -> Result<&str, Utf8Error> {
        str::from_utf8(&self.data)
    }

    /// Sets the data, and a `Content-Type` of plain text.
    pub fn set_text(&mut self, text: impl Into<String>) {
        self.set_content("text/plain; charset=utf-8", text.into().into());
    }

    /// Sets the data, and a `Content-Type` of HTML.
    pub fn set_html(&mut self, html: impl Into<String>) {
        self.set_content("text/html; charset=utf-8", html.into().into());
    }

    /// Sets the data to a value written as JSON, and its `Content-Type`.
    ///
    /// On an error, which only a value that cannot be JSON gives, nothing is
    /// changed.
    #[cfg(feature = "json")]
    pub fn set_json(&mut self, value: &(impl serde::Serialize + ?Sized)) -> serde_json::Result<()> {
        self.set_content("application/json", serde_json::to_vec(value)?);
        Ok(())
    }

    fn set_content(&mut self, content_type: &str, data: Vec<u8>) {
        self.set_header("Content-Type", content_type);
        self.data = data;
    }
}

impl Default for Response {
    fn default() -> Self {
        Response { protocol: "HTTP/1.0".into(), status: 200, headers: Vec::new(), data: Vec::new() }
    }
}

#[cfg(target_family = "wasm")]
impl From<Response> for crate::bindings::Response {
    fn from(response: Response) -> Self {
        crate::bindings::Response {
            protocol: response.protocol,
            status: response.status,
            headers: response.headers,
            data: Some(response.data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_converts() {
        for data in ["x".into(), String::from("x").into(), vec![b'x'], b"x".into()] {
            assert_eq!(Response { data, ..Response::default() }.text(), Ok("x"));
        }
    }

    #[test]
    fn setting_a_header_replaces_and_adding_keeps() {
        let mut response = Response::default();
        response.add_header("a", "1");
        response.add_header("A", "2");
        assert_eq!(response.headers.len(), 2);
        response.set_header("a", "3");
        assert_eq!(response.headers, [("a".into(), "3".into())]);
        assert_eq!(response.header("A"), Some("3"));
    }

    #[test]
    fn content_sets_its_type_once() {
        let mut response = Response::default();
        response.set_text("a");
        response.set_html("<p>a");
        assert_eq!(response.headers.len(), 1);
        assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(response.text(), Ok("<p>a"));
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_that_cannot_be_written_changes_nothing() {
        let mut response = Response::default();
        response.set_json(&[1, 2]).unwrap();
        let before = response.clone();
        let unwritable = std::collections::HashMap::from([([1], 1)]);
        assert!(response.set_json(&unwritable).is_err());
        assert_eq!(response, before);
    }
}
