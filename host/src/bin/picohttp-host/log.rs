//! The log on standard error.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tracing::warn;
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
pub struct Log {
    writing: Option<WorkerGuard>,
    missing: Arc<Missing>,
}

/// The lines for which there was no room.
struct Missing {
    dropped: ErrorCounter,
    /// How many had been dropped when that was said last.
    told: AtomicUsize,
    /// How many of them said just that.
    own: AtomicUsize,
}

impl Drop for Log {
    fn drop(&mut self) {
        self.missing.tell();
        let (done, written) = mpsc::channel::<()>();
        let writing = self.writing.take();
        // It says on the standard streams that it cannot write to them, and waits for that.
        let finish = move || {
            drop(writing);
            drop(done);
        };
        if thread::Builder::new().name("log-end".to_owned()).spawn(finish).is_ok() {
            let _ = written.recv_timeout(PATIENCE);
        }
    }
}

impl Missing {
    /// Says how many there were so far, if that has not been said. If there is no room for
    /// that either, it is one more, and is said next time.
    fn tell(&self) {
        let dropped = self.dropped.dropped_lines();
        if dropped > self.told.swap(dropped, Ordering::Relaxed) {
            let lines = dropped.saturating_sub(self.own.load(Ordering::Relaxed));
            warn!(lines, "lines of this log were dropped so far, for want of room");
            let has_room = self.dropped.dropped_lines() == dropped;
            self.own.fetch_add(usize::from(!has_room), Ordering::Relaxed);
        }
    }
}

/// Logs to standard error what was asked for, or what `RUST_LOG` says. A thread of its own
/// writes, so that a reader who stops reading stops no request.
pub fn start(asked: Targets) -> Log {
    let filter = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse().ok());
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES)
        .thread_name("log")
        .finish(stderr());
    let missing = Arc::new(Missing {
        dropped: writer.error_counter(),
        told: AtomicUsize::new(0),
        own: AtomicUsize::new(0),
    });
    let format = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(stderr().is_terminal() && !no_color);
    tracing_subscriber::registry().with(format).with(filter.unwrap_or(asked)).init();
    let watched = Arc::clone(&missing);
    let watch = move || loop {
        thread::sleep(LOOK);
        watched.tell();
    };
    if let Err(error) = thread::Builder::new().name("log-watch".to_owned()).spawn(watch) {
        warn!(%error, "if lines of the log are dropped, only the end will say so");
    }
    Log { writing: Some(guard), missing }
}
