//! A request is what a client asked for, complete and undecoded.

use std::borrow::Cow;
use std::str::Utf8Error;

use crate::{decode, headers};

/// One HTTP request.
///
/// The fields hold what the client sent, split but never percent-decoded; the
/// methods decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method as sent: any token, known or not, never upper-cased.
    pub method: String,
    /// The target before its first `?`, stripped of leading and trailing `/` and
    /// split on `/`. Never empty: the target `/` gives one empty segment.
    pub path: Vec<String>,
    /// The target after its first `?`, split on `&`, each item at its first `=`.
    /// An item without `=` has an empty value. Order and duplicates are kept.
    pub query: Vec<(String, String)>,
    /// The protocol as sent, such as `HTTP/1.1`; empty if the client sent none.
    pub protocol: String,
    /// Every header in order, names as sent, values without the white space
    /// around them.
    pub headers: Vec<(String, String)>,
    /// The body, if the request has one. It may be there and empty.
    pub data: Option<Vec<u8>>,
}

impl Request {
    /// The value of the first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_values(name).next()
    }

    /// The values of all headers of this name, whatever their case, in order.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        headers::values(&self.headers, name)
    }

    /// The decoded value of the first query item of this decoded name.
    ///
    /// Both `%20` and `+` are a space. A malformed escape stays as it is, and
    /// what is then not UTF-8 becomes `\u{fffd}`.
    ///
    /// ```
    /// use picohttp::{Request, Response, testing};
    ///
    /// fn search(request: &Request, response: &mut Response) {
    ///     response.set_text(request.query("for").unwrap_or_default());
    /// }
    ///
    /// let response = testing::get("/?for=caf%C3%A9+au+lait").call(search);
    /// assert_eq!(response.text(), Ok("café au lait"));
    /// ```
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_values(name).next()
    }

    /// The decoded values of all query items of this decoded name, in order.
    pub fn query_values(&self, name: &str) -> impl Iterator<Item = Cow<'_, str>> {
        self.query
            .iter()
            .filter(move |(key, _)| decode::query(key) == name)
            .map(|(_, value)| decode::query(value))
    }

    /// The decoded path segment at this position, counted from 0.
    ///
    /// Here `+` is a plus. Escapes are treated as in [`query`](Self::query), so
    /// a segment may hold any character, `/` and NUL among them.
    pub fn segment(&self, position: usize) -> Option<Cow<'_, str>> {
        self.segments().nth(position)
    }

    /// All decoded path segments, in order.
    pub fn segments(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.path.iter().map(|segment| decode::path(segment))
    }

    /// The decoded value of the first field of this name in the form that is the body, whatever
    /// its `Content-Type`: `application/x-www-form-urlencoded`, as browsers send it unless they
    /// are told otherwise. Decoded as in [`query`](Self::query).
    ///
    /// ```
    /// use picohttp::{Request, Response, testing};
    ///
    /// fn sign_up(request: &Request, response: &mut Response) {
    ///     match request.form("email").filter(|email| email.contains('@')) {
    ///         Some(email) => response.set_text(format!("Welcome, {email}!")),
    ///         None => response.status = 400,
    ///     }
    /// }
    ///
    /// let response = testing::post("/", "name=Ada+L.&email=ada%40example.org").call(sign_up);
    /// assert_eq!(response.text(), Ok("Welcome, ada@example.org!"));
    /// ```
    pub fn form(&self, name: &str) -> Option<Cow<'_, str>> {
        self.form_values(name).next()
    }

    /// The decoded values of all fields of this name in the form that is the body, in order.
    pub fn form_values(&self, name: &str) -> impl Iterator<Item = Cow<'_, str>> {
        // What is not UTF-8 was not encoded, and is in no field.
        let fields = self.text().unwrap_or_default().split('&');
        fields
            .map(|field| field.split_once('=').unwrap_or((field, "")))
            .filter(move |(key, _)| !key.is_empty() && decode::query(key) == name)
            .map(|(_, value)| decode::query(value))
    }

    /// The body as text: empty if there is none, an error if it is not UTF-8.
    pub fn text(&self) -> Result<&str, Utf8Error> {
        str::from_utf8(self.data.as_deref().unwrap_or_default())
    }

    /// The body read as JSON, whatever its `Content-Type`.
    #[cfg(feature = "json")]
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> serde_json::Result<T> {
        serde_json::from_slice(self.data.as_deref().unwrap_or_default())
    }
}

#[cfg(target_family = "wasm")]
impl From<crate::bindings::Request> for Request {
    fn from(request: crate::bindings::Request) -> Self {
        Request {
            method: request.method,
            path: request.path,
            query: request.query,
            protocol: request.protocol,
            headers: request.headers,
            data: request.data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Request {
            method: "POST".into(),
            path: vec!["a%2Fb".into(), "c+d".into()],
            query: [("q", "1%2B1"), ("%71", "two+words"), ("flag", "")].map(owned).into(),
            protocol: "HTTP/1.1".into(),
            headers: [("ACCEPT", "text/html"), ("Host", "h"), ("accept", "*/*")].map(owned).into(),
            data: None,
        }
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let request = request();
        assert_eq!(request.header("Accept"), Some("text/html"));
        assert!(request.header_values("Accept").eq(["text/html", "*/*"]));
        assert_eq!(request.header("Accep"), None);
    }

    #[test]
    fn fields_of_a_form_are_decoded() {
        let form = |data: &[u8]| Request { data: Some(data.to_vec()), ..request() };
        let both = form(b"a=1%2B1&%62=&a=two+words&flag&&=x");
        assert!(both.form_values("a").eq(["1+1", "two words"]));
        assert_eq!(both.form("b").as_deref(), Some(""));
        assert_eq!(both.form("flag").as_deref(), Some(""));
        assert_eq!((both.form("c"), both.form("")), (None, None));
        assert_eq!(form(b"a=\xff").form("a"), None);
        assert_eq!(request().form("a"), None);
    }

    #[test]
    fn query_names_and_values_are_decoded() {
        let request = request();
        assert_eq!(request.query("q").as_deref(), Some("1+1"));
        assert!(request.query_values("q").eq(["1+1", "two words"]));
        assert_eq!(request.query("flag").as_deref(), Some(""));
        assert_eq!(request.query("%71"), None);
    }

    #[test]
    fn segments_are_decoded_one_by_one() {
        let request = request();
        assert!(request.segments().eq(["a/b", "c+d"]));
        assert_eq!(request.segment(0).as_deref(), Some("a/b"));
        assert_eq!(request.segment(1).as_deref(), Some("c+d"));
        assert_eq!(request.segment(2), None);
    }

    #[test]
    fn no_body_is_empty_text() {
        assert_eq!(request().text(), Ok(""));
        assert!(Request { data: Some(vec![0xff]), ..request() }.text().is_err());
    }

    #[cfg(feature = "json")]
    #[test]
    fn json_borrows_from_the_body() {
        let request = Request { data: Some(br#"["a", "b"]"#.into()), ..request() };
        assert_eq!(request.json::<Vec<&str>>().unwrap(), ["a", "b"]);
    }
}
