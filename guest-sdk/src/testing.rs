//! To test: to call a handler as the host would, without a host.
//!
//! ```
//! use picohttp::{Request, Response, handler, testing};
//!
//! #[handler]
//! fn greet(request: &Request, response: &mut Response, greeting: String) {
//!     let name = request.query("name").unwrap_or("you".into());
//!     response.set_text(format!("{greeting}, {name}!"));
//! }
//!
//! let response = testing::get("/?name=Ada").arg("Hello").call(greet);
//! assert_eq!(response.status, 200);
//! assert_eq!(response.text(), Ok("Hello, Ada!"));
//! ```
//!
//! What only the host decides is not tested here: limits, the headers that it
//! adds, and the 502 that an unusable response becomes.

use crate::handler::answer;
use crate::{Handler, Request, Response};

/// A `GET` request for a target such as `/hello?name=Ada`.
pub fn get(target: &str) -> TestRequest {
    request("GET", target)
}

/// A `POST` request for a target, with a body.
pub fn post(target: &str, data: impl Into<Vec<u8>>) -> TestRequest {
    request("POST", target).data(data)
}

/// A request of any method for a target.
pub fn request(method: &str, target: &str) -> TestRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    TestRequest {
        request: Request {
            method: method.to_owned(),
            path: path.trim_matches('/').split('/').map(str::to_owned).collect(),
            query: match query {
                "" => Vec::new(),
                items => items.split('&').map(name_and_value).collect(),
            },
            protocol: "HTTP/1.1".to_owned(),
            headers: Vec::new(),
            data: None,
        },
        arguments: Vec::new(),
    }
}

fn name_and_value(item: &str) -> (String, String) {
    let (name, value) = item.split_once('=').unwrap_or((item, ""));
    (name.to_owned(), value.to_owned())
}

/// A request on its way to a handler.
#[derive(Clone, Debug)]
pub struct TestRequest {
    request: Request,
    arguments: Vec<String>,
}

impl TestRequest {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body. It adds no header.
    pub fn data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.request.data = Some(data.into());
        self
    }

    /// Adds an argument, as the operator's `--arg` does.
    pub fn arg(mut self, value: &str) -> Self {
        self.arguments.push(value.to_owned());
        self
    }

    /// Gives the request to a handler and returns its response: if the handler
    /// fails, the host's status 500 with the error's text and a line end.
    ///
    /// An error about an argument names its type but, other than in a component,
    /// not its parameter: a function does not carry the names.
    pub fn call<Parameters>(self, handler: impl Handler<Parameters>) -> Response {
        answer(handler, &self.request, self.arguments, &[]).unwrap_or_else(|message| Response {
            status: 500,
            data: format!("{message}\n").into(),
            ..Response::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_target(target: &str, path: &[&str], query: &[(&str, &str)]) {
        let request = get(target).request;
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        assert_eq!(request.path, path, "path of {target:?}");
        assert_eq!(
            request.query,
            query.iter().map(owned).collect::<Vec<_>>(),
            "query of {target:?}"
        );
    }

    #[test]
    fn targets_are_split_as_by_the_host() {
        check_target("/", &[""], &[]);
        check_target("", &[""], &[]);
        check_target("//a//b//", &["a", "", "b"], &[]);
        check_target("/a%2Fb?", &["a%2Fb"], &[]);
        check_target("/?a=1&b=2=3&c", &[""], &[("a", "1"), ("b", "2=3"), ("c", "")]);
        check_target("/?a&&b", &[""], &[("a", ""), ("", ""), ("b", "")]);
        check_target("/?a=?&b=/", &[""], &[("a", "?"), ("b", "/")]);
        check_target("*", &["*"], &[]);
    }

    #[test]
    fn requests_carry_what_they_were_given() {
        fn handler(request: &Request, response: &mut Response, arguments: Vec<String>) {
            assert_eq!((request.method.as_str(), request.text()), ("POST", Ok("body")));
            assert_eq!(request.header("Name"), Some("value"));
            assert_eq!(arguments, ["a", "b"]);
            response.status = 204;
        }
        let request = post("/", "body").header("name", "value").arg("a").arg("b");
        assert_eq!(request.call(handler).status, 204);
    }

    #[test]
    fn errors_are_status_500_with_their_text() {
        fn handler(_: &Request, response: &mut Response) -> Result<(), &'static str> {
            response.status = 204;
            Err("out of tea")
        }
        let response = get("/").call(handler);
        assert_eq!((response.status, response.text()), (500, Ok("out of tea\n")));

        let response = get("/").arg("x").call(handler);
        assert_eq!(response.text(), Ok("argument 1 (\"x\") is one too many\n"));
    }
}
