//! The log on standard error.

use std::io::{IsTerminal, stderr};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tracing::{Level, warn};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// How many lines wait to be logged, if standard error is slow, before more are dropped.
const LINES: usize = 8192;

/// How often it is said that lines were dropped.
const LOOK: Duration = Duration::from_secs(1);

/// How long the last lines may take to be read.
const PATIENCE: Duration = Duration::from_secs(1);

/// The log. What is still to be written when it is dropped is written then, if somebody
/// reads it.
pub struct Log(Option<WorkerGuard>);

impl Drop for Log {
    fn drop(&mut self) {
        let (done, written) = mpsc::channel::<()>();
        let guard = self.0.take();
        // It says on the standard streams that it cannot write to them, and waits for that.
        let finish = move || {
            drop(guard);
            drop(done);
        };
        if thread::Builder::new().name("log-end".to_owned()).spawn(finish).is_ok() {
            let _ = written.recv_timeout(PATIENCE);
        }
    }
}

/// Logs to standard error: at the level that was asked for, or as `RUST_LOG` says. A
/// thread of its own writes, so that a reader who stops reading stops no request.
pub fn start(level: Level) -> Log {
    let asked = || Targets::new().with_default(level);
    let filter = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse().ok());
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES)
        .thread_name("log")
        .finish(stderr());
    let dropped = writer.error_counter();
    let format = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(stderr().is_terminal() && !no_color);
    tracing_subscriber::registry().with(format).with(filter.unwrap_or_else(asked)).init();
    let watch = thread::Builder::new().name("log-watch".to_owned());
    if let Err(error) = watch.spawn(move || tell_dropped(&dropped)) {
        warn!(%error, "if lines of the log are dropped, nothing will say so");
    }
    Log(Some(guard))
}

/// Says, as soon as there is room again, that lines are missing.
fn tell_dropped(dropped: &ErrorCounter) {
    let mut told = 0;
    loop {
        thread::sleep(LOOK);
        let lines = dropped.dropped_lines();
        if lines > told {
            told = lines;
            warn!(lines, "lines of this log were dropped, as it is not read fast enough");
        }
    }
}
