//! One line for each request, for those who want to know who asked for what.
//!
//! A request thread puts its line into a [`LineQueue`], and waits for nobody. [`text`] and [`json`]
//! are what a line looks like.

mod facts;
mod time;
mod words;
mod text;
mod json;

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use facts::{Facts, Figures};
pub(crate) use time::Time;

use crate::LineQueue;
use crate::config::{AccessLog, LogFormat};

/// A log that is being written.
pub(crate) struct Log {
    plan: AccessLog,
    queue: Arc<LineQueue>,
}

thread_local! {
    /// Where a thread makes its lines.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Log {
    /// Opens the log, and starts the thread that writes it.
    pub(crate) fn start(plan: AccessLog) -> io::Result<Log> {
        let queue = LineQueue::of_access_log(&plan.target)?;
        Ok(Log { plan, queue })
    }

    /// Writes a line, or counts that it cannot be written in time.
    pub(crate) fn write(&self, facts: &Facts<'_>) {
        LINE.with_borrow_mut(|line| {
            line.clear();
            match self.plan.format {
                LogFormat::Text => text::write(line, facts),
                LogFormat::Json => json::write(line, facts),
            }
            line.push(b'\n');
            self.queue.push(line);
        });
    }

    /// Opens the file again by its name, as after a rotation. If that fails, the log goes
    /// on in the file that it has.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        self.queue.reopen(&self.plan.target)
    }

    /// How many lines were not written.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// Has all lines written, if that takes no longer than `patience`.
    pub(crate) fn finish(&self, patience: Duration) {
        self.queue.finish(patience);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.finish(Duration::ZERO);
    }
}
