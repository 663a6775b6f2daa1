//! Serves HTTP from sandboxed WebAssembly components: a fresh instance for each
//! request, thrown away after it.
//!
//! ```
//! use picohttp_host::{Cache, Component, Engine, EngineOptions, HttpServer, Sandbox};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::path::Path::new("../plugins/hello");
//! let file = picohttp_host::project::build(folder)?;
//! let engine = Engine::new(&EngineOptions::default())?;
//! let hello = Component::from_file(&engine, file, Sandbox::default(), &Cache::of_user())?;
//! let server = HttpServer::new(hello).port(0).start()?;
//! println!("Serving HTTP on http://{}/", server.address());
//! # server.stop(std::time::Duration::ZERO);
//! # Ok(())
//! # }
//! ```
//!
//! For many tenants, whose handlers are in a file and replaced without a pause,
//! `examples/tenants.rs` has all of it: a [`config::Plan`] is read and checked, a [`Deployer`]
//! loads its handlers, and a [`RunningServer`] is given others with
//! [`replace`](RunningServer::replace).
//! Nothing here is asynchronous. [`start`](HttpServer::start) returns once threads serve;
//! [`stop`](RunningServer::stop), [`join`](RunningServer::join) and a deployer block. All handles
//! can be shared between threads.
//!
//! What guests print, and what is wrong with them, are events of the `tracing` crate, with the
//! tenant, the route and the request as fields: without a subscriber they are lost. They come from
//! the threads that serve, so a subscriber should not wait: a [`LineQueue`] is a writer for one that
//! does not. [`HttpServer::observer`] is told of
//! each request, and [`HttpServer::access_log`] writes a line of it.
//!
//! # How a request is served
//!
//! [`exchange`] tells it whole. In the order that a request meets them:
//!
//! - [`server`] puts it all together, and [`running`] is what came of it. [`workers`] are
//!   the threads, and [`turns`] decide how many of them are at work. What all requests have
//!   in common is a [`service`].
//! - [`listener`] accepts a client; its [`connection`] is parked with the [`poller`]
//!   whenever it is slow, whatever its [`stage`]. Its bytes go through a [`transport`], plain or
//!   a TLS [`session`].
//! - [`http1`] makes a request out of its bytes.
//! - A [`close_reason`] says why a connection ends.
//! - The [`catalog`] knows whose it is: [`hosts`] lead to a [`tenant`], and [`route_tree`] to
//!   one of its routes. Another catalog takes its place as a whole.
//! - [`admission`] finds room for it, a place in line, or neither: within a [`rate`], by
//!   [`fairness`], and on the tenant's [`account`].
//! - [`handler`] is what answers it: a component, run by [`guest`], or a closure. One that
//!   runs for long goes on in the [`background`], and one that panics is caught ([`catch_panic`]).
//!   A request may also be answered [`in_memory`], without any of the above.
//! - [`answer`] is what is sent back, and [`outcome`] how it went.
//! - What is known of it by then is a [`record`]: counted by [`metrics`], told an [`observer`],
//!   written to the [`access_log`] and a tenant's [`journal`], and shown by [`admin`].
//!
//! # How a handler is loaded
//!
//! A file says what is to be served ([`config`]); a handler has a [`source`], which may be
//! a [`project`] that is built; [`deploy`] loads what a plan names. Nothing but a
//! [`regular_file`] is read for any of it.
//!
//! # What is absent, and stays so
//!
//! - [`http1`] knows no socket, no clock and no wasm.
//! - Only [`guest`] names `wasmtime`, and only [`config`] reads configuration files.
//! - The [`admin`] listener runs no guest.
//! - A guest sees no framing header of its own on the wire, and nothing of another
//!   request.
//! - No lock is held while a handler runs.
//! - A client that waits costs no thread.
//! - There is no global state of our own. What a thread knows of itself, such as its place in
//!   the background, is its own.

#![warn(
    missing_debug_implementations,
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
        reason = "a test fails by panicking"
    )
)]
#![allow(rustdoc::private_intra_doc_links, reason = "the map is for those who read the code")]

mod server;
mod stage;
mod start_error;
mod running;
mod workers;
mod socket;
mod listener;
mod turns;
mod nap;
mod poller;
mod connection;
mod close_reason;
mod load;
mod transport;
mod session;
mod tls;
mod exchange;
pub mod http1;
mod catalog;
mod catalog_error;
mod tenant;
mod hosts;
mod normal_form;
mod route_tree;
mod places;
mod admission;
mod rate;
mod fairness;
mod account;
mod background;
mod cpu_time;
mod processors;
mod deadline;
mod catch_panic;
mod service;
mod handler;
mod in_memory;
mod guest;
mod answer;
mod outcome;
mod limit;
mod request_id;
mod rewrite;
mod record;
mod observer;
mod metrics;
mod access_log;
mod line_queue;
mod journal;
mod admin;
mod source;
mod regular_file;
mod text;
mod words;
mod deploy;
mod descriptors;
pub mod project;
pub mod config;

pub use admin::{AdminToken, AdminTokenError};
pub use catalog_error::CatalogError;
pub(crate) use close_reason::CloseReason;
pub use deploy::{DeployError, DeployErrors, Deployer, Deployment};
pub use guest::{
    Allocation, Cache, CompileLimits, Compiled, Compiler, Component, Directory, Engine,
    EngineError, EngineOptions, Footprint, LoadError, Sandbox, compile_stdin,
};
pub use handler::{Call, Cost, Handler, IntoResult, Origin, Request, RequestId, Response};
pub use in_memory::{Answered, answer_in_memory};
pub use limit::Limit;
pub use line_queue::LineQueue;
pub use outcome::{Fault, Outcome, Reason};
pub(crate) use places::folders_on_the_way;
pub use places::{Identity, folder_of, identity, places};
pub use rate::Rate;
pub use record::REQUEST_LOG;
pub use regular_file::read as read_regular_file;
pub use route_tree::PathError;
pub use running::RunningServer;
pub use server::HttpServer;
pub use service::{KeepAlive, Timeouts};
pub use socket::{BoundSocket, Socket};
pub use source::{Source, SourceError};
pub use start_error::StartError;
pub use tenant::{Quota, Route, Tenant, Totals};
pub use tls::{Tls, TlsError, Validity};
