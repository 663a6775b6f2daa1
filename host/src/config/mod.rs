//! One file, and those it includes, become a [`Plan`]: what is served, for whom, and
//! within which bounds.
//!
//! Reading has three steps, each blind to the next. A [`text`] is the content of one
//! file. A [`table`] hands out its values one by one, and knows where each was written.
//! What a `[[tenant]]` ([`tenant`]), its routes ([`route`]) and `[server]` ([`server`])
//! mean is decided there, value by value. All that is wrong is reported at once, with its
//! line.
//!
//! A plan is plain data: no component has been opened for it, and no socket bound. It can
//! also be made by hand; nothing but reading checks most of its numbers. Before it is served, look whether
//! it has tenants (a file that was cut short has none), whether a handler may write where the
//! server relies on what is there ([`Plan::refuse_writable`]), and resolve the links in its
//! folders ([`Plan::resolved`]).
//!
//! ```
//! use picohttp_host::config::{Plan, RoutePlan, ServerPlan, TenantPlan};
//! use picohttp_host::{Sandbox, Source};
//!
//! let server = ServerPlan { max_concurrent_requests: 16, ..ServerPlan::default() };
//! let source = Source::at("hello.wasm");
//! let sandbox = Sandbox { max_memory: 8 << 20, ..Sandbox::default() };
//! let hello = RoutePlan { sandbox, ..RoutePlan::new("/...", source) };
//! let tenant = TenantPlan::new("hello", &server, vec![hello]);
//! let plan = Plan { server, tenants: vec![tenant], ..Plan::default() };
//! ```

mod plan;
mod position;
mod problem;
mod read;
mod include;
mod server;
mod tenant;
mod route;
mod limits;
mod grants;
mod unique;
mod owners;
mod writable;
mod table;
mod value;
mod text;
pub mod units;

pub use grants::{MAX_DIRECTORIES, directory};
pub use plan::{AccessLog, Confine, LogFormat, LogTarget, Plan, RoutePlan, ServerPlan, TenantPlan};
pub use position::Position;
pub use problem::{Errors, Problem};
pub use server::cache_folder;

#[cfg(test)]
mod tests;
