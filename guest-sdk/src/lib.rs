//! Write picohttp handlers in Rust.
//!
//! A handler is a function that is given one request and fills in one response:
//!
//! ```
//! use picohttp::{Request, Response, handler};
//!
//! #[handler]
//! fn greet(request: &Request, response: &mut Response) {
//!     match request.path[0].as_str() {
//!         "hello" => response.data = "Hello world!".into(),
//!         "goodbye" => response.data = "Goodbye cruel world".into(),
//!         _ => response.status = 404,
//!     }
//! }
//! ```
//!
//! Built for `wasm32-wasip2` as a `cdylib`, its crate is a component that
//! `picohttp-host` serves: a fresh instance, and so fresh memory, per request.
//! Built for any other target the function stays just a function, which
//! [`testing`] calls as the host would.
//!
//! # Map
//!
//! In the order in which a request meets them:
//!
//! - `export` makes a function the component's `handle`,
//! - [`import_nothing!`] makes the component smaller, and its instances cheaper,
//! - `bindings` carries the request across the component's boundary,
//! - [`Request`] is what came in,
//! - `arguments` reads the operator's `--arg` values as typed parameters,
//! - [`Handler`] calls the function and understands what it returns,
//! - [`Response`] is what goes out,
//! - [`testing`] does all of it without a host.
//!
//! `decode` and `headers` serve the request and the response.
//!
//! # Features
//!
//! - `json`: `Request::json` and `Response::set_json`, through `serde_json`.

#![deny(missing_docs, unsafe_code)]

mod export;
mod import_nothing;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[allow(missing_docs, unsafe_code, clippy::all, reason = "generated")]
#[rustfmt::skip]
pub mod bindings;
mod request;
mod decode;
mod headers;
mod arguments;
mod handler;
mod response;
pub mod testing;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use handler::Handler;
pub use picohttp_macros::handler;
pub use request::Request;
pub use response::Response;

#[doc(hidden)]
pub mod internal {
    //! What `#[handler]` expands to; not for use by hand.
    pub use crate::handler::{answer, check};
}
