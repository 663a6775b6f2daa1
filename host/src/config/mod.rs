//! One file, and those it includes, become a [`Plan`]: what is served, for whom, and
//! within which bounds.
//!
//! Reading has three steps, each blind to the next. A [`text`] is the content of one
//! file. A [`table`] hands out its values one by one, and knows where each was written.
//! What a `[[tenant]]` ([`tenant`]), its routes ([`route`]) and `[server]` ([`server`])
//! mean is decided there, value by value. All that is wrong is reported at once, with its
//! line.
//!
//! A plan is plain data: no component has been opened for it, and no socket bound.

mod plan;
mod problem;
mod read;
mod include;
mod server;
mod tenant;
mod route;
mod limits;
mod grants;
mod host_name;
mod unique;
mod table;
mod value;
mod text;
pub mod units;

pub use grants::directory;
pub use plan::{AccessLog, LogFormat, LogTarget, Plan, RoutePlan, ServerPlan, TenantPlan};
pub use problem::{Errors, Problem};

#[cfg(test)]
mod tests;
