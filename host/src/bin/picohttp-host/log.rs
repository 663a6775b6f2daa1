//! The log on standard error.

use std::io::{IsTerminal, stderr};

use tracing::Level;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// How many lines wait to be logged, if standard error is slow, before more are dropped.
const LINES: usize = 8192;

/// Logs to standard error: at the level that was asked for, or as `RUST_LOG` says. A
/// thread of its own writes, so that a reader who stops reading stops no request. What
/// is still to be written is, when the guard is dropped.
pub fn start(level: Level) -> WorkerGuard {
    let asked = || Targets::new().with_default(level);
    let filter = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse().ok());
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES)
        .thread_name("log")
        .finish(stderr());
    let format = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(stderr().is_terminal() && !no_color);
    tracing_subscriber::registry().with(format).with(filter.unwrap_or_else(asked)).init();
    guard
}
