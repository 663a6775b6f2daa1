//! The log on standard error.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result};
use picohttp_host::LineQueue;
use picohttp_host::config::LogTarget;
use tracing::error;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// How long the last lines may take to be read.
const PATIENCE: Duration = Duration::from_secs(1);

/// The log. What is still to be written when it is dropped is written then, if somebody
/// reads it.
pub struct Log {
    pub lines: Arc<LineQueue>,
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.finish(PATIENCE);
    }
}

/// Logs to standard error what was asked for, or what `RUST_LOG` says.
pub fn start(asked: Targets) -> Result<Log> {
    let filter = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse().ok());
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let lines = LineQueue::of_log(&LogTarget::Stderr).context("cannot start the log")?;
    let format = tracing_subscriber::fmt::layer()
        .with_writer(Arc::clone(&lines))
        .with_ansi(stderr().is_terminal() && !no_color);
    tracing_subscriber::registry().with(format).with(filter.unwrap_or(asked)).init();
    Ok(Log { lines })
}

/// Logs what has come of an error, and the error: each of its lines is a record, as it may be of
/// several problems.
pub fn failed(outcome: &str, error: &Error) {
    let text = format!("{error:#}");
    if text.lines().count() > 1 {
        error!("{outcome}, for these reasons:");
        text.lines().for_each(|line| error!("{line}"));
    } else {
        error!("{outcome}: {text}");
    }
}
