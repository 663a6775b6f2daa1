//! The lines between those who make them, and wait for nothing, and the thread that writes them
//! to a [`sink`].

mod sink;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Write};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing::warn;

use crate::config::LogTarget;
use crate::rate::Seldom;
use sink::{Sink, Target, Unwritten};

/// How many bytes of lines may wait.
const ROOM: usize = 4 << 20;

/// How long lines of requests are gathered before they are written, unless there are this many
/// bytes. More would push out of a processor's caches what requests need.
const GATHER: Duration = Duration::from_millis(50);
const MUCH: usize = 64 << 10;

/// How often it is said that lines are dropped.
const WARN: Duration = Duration::from_secs(5);

/// How often a writer that waits for a reader looks whether it still should.
const LOOK: Duration = Duration::from_millis(50);

/// How long it may take to count what is dropped at the end.
const LAST: Duration = Duration::from_millis(500);

/// Lines that wait to be written, by a thread of their own: a disk that is slow, or a reader that
/// has stopped, costs lines and no time of those who make them. What is dropped is counted and
/// told.
///
/// It is a writer, one line at a time. So this makes a subscriber that nobody waits for:
///
/// ```
/// # use std::{sync::Arc, time::Duration};
/// # use picohttp_host::{LineQueue, config::LogTarget};
/// let log = LineQueue::of_log(&LogTarget::Stderr)?;
/// tracing_subscriber::fmt().with_writer(Arc::clone(&log)).init();
/// // And before the process ends:
/// log.finish(Duration::from_secs(1));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LineQueue {
    /// What the lines are of.
    name: &'static str,
    /// How long they are gathered before they are written.
    gather: Duration,
    /// Whether it is said among them that some are dropped: once others could be written.
    tells_itself: bool,
    state: Mutex<State>,
    /// There is something to do for the writer.
    ready: Condvar,
    /// The writer has ended.
    done: Condvar,
    dropped: AtomicU64,
    /// How many of them have been told.
    told: AtomicU64,
    warned: Seldom,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// Whether the writer waits to be told of lines.
    idle: bool,
    /// What to write to from now on.
    sink: Option<Sink>,
    finishing: bool,
    /// Whether nobody is waited for any more who does not read.
    abandoned: bool,
    finished: bool,
}

impl State {
    fn has_much(&self) -> bool {
        self.lines.len() >= MUCH
    }
}

impl LineQueue {
    /// Opens a log, to which goes whatever `tracing` is told, and starts the thread that writes it.
    ///
    /// # Errors
    ///
    /// The system's: it cannot be opened, or there can be no more threads.
    pub fn of_log(target: &LogTarget) -> io::Result<Arc<LineQueue>> {
        LineQueue { tells_itself: true, ..LineQueue::new("log") }.start(target)
    }

    /// The same of an access log.
    pub(crate) fn of_access_log(target: &LogTarget) -> io::Result<Arc<LineQueue>> {
        LineQueue { gather: GATHER, ..LineQueue::new("access log") }.start(target)
    }

    fn new(name: &'static str) -> LineQueue {
        LineQueue {
            name,
            gather: Duration::ZERO,
            tells_itself: false,
            state: Mutex::default(),
            ready: Condvar::new(),
            done: Condvar::new(),
            dropped: AtomicU64::new(0),
            told: AtomicU64::new(0),
            warned: Seldom::default(),
        }
    }

    fn start(self, target: &LogTarget) -> io::Result<Arc<LineQueue>> {
        let sink = Sink::open(target)?;
        let thread = thread::Builder::new().name(self.name.to_owned());
        let queue = Arc::new(self);
        let writer = Arc::clone(&queue);
        thread.spawn(move || writer.write_to(sink))?;
        Ok(queue)
    }

    /// Appends a line, or drops it.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut state = self.state.lock();
        if state.lines.len() + line.len() > ROOM || state.finished {
            let why =
                if state.finished { "it has ended" } else { "nobody takes its lines fast enough" };
            drop(state);
            return self.drop_lines(1, why);
        }
        let had_much = state.has_much();
        state.lines.extend_from_slice(line);
        if mem::take(&mut state.idle) || state.has_much() != had_much {
            drop(state);
            self.ready.notify_one();
        }
    }

    /// Writes there from now on.
    pub(crate) fn reopen(&self, target: &LogTarget) -> io::Result<()> {
        let sink = Sink::open(target)?;
        let mut state = self.state.lock();
        state.sink = Some(sink);
        state.idle = false;
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// How many lines were not written.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Has all lines written, and waits for that little longer than `patience`. What cannot be
    /// written by then is dropped, and so is what comes later.
    pub fn finish(&self, patience: Duration) {
        let mut state = self.state.lock();
        state.finishing = true;
        self.ready.notify_one();
        for patience in [patience, LAST] {
            self.done.wait_while_for(&mut state, |state| !state.finished, patience);
            state.abandoned = true;
        }
        drop(state);
        self.tell_rest("it has ended");
    }

    /// What the writer does.
    fn write_to(&self, mut sink: Sink) {
        let mut lines = Vec::new();
        'lines: while let Some(other) = self.take(&mut lines) {
            // Lines of before a rotation may be in either file.
            if let Some(mut other) = other {
                other.succeed(&sink);
                sink = other;
            }
            let mut rest = lines.as_slice();
            while let Err(Unwritten { left, cause }) = sink.write(rest, |it| self.may_wait(it)) {
                let (written, unwritten) = rest.split_at(rest.len().saturating_sub(left));
                let Some(mut other) = self.state.lock().sink.take() else {
                    self.drop_lines(count_lines(unwritten), &cause.to_string());
                    continue 'lines;
                };
                other.succeed(&sink);
                sink = other;
                // From the beginning of the line that was cut.
                let cut = written.iter().rev().take_while(|&&byte| byte != b'\n').count();
                rest = rest.get(written.len().saturating_sub(cut)..).unwrap_or_default();
            }
            if self.tells_itself {
                self.tell_rest("they could not be written");
            }
        }
        self.done.notify_all();
    }

    /// Waits a little for a reader. Says whether it shall be tried again to write there.
    fn may_wait(&self, target: &Target) -> bool {
        target.wait(LOOK);
        let state = self.state.lock();
        state.sink.is_none() && !state.abandoned
    }

    /// Waits for lines and takes them instead of these, with the sink that has come. `None` is the
    /// end.
    fn take(&self, lines: &mut Vec<u8>) -> Option<Option<Sink>> {
        let mut state = self.state.lock();
        while state.lines.is_empty() && state.sink.is_none() {
            if state.finishing {
                state.finished = true;
                return None;
            }
            state.idle = true;
            self.ready.wait(&mut state);
        }
        state.idle = false;
        // Every write has its price, and so has being woken for each line.
        let gathers =
            |state: &mut State| !state.finishing && !state.has_much() && state.sink.is_none();
        self.ready.wait_while_for(&mut state, gathers, self.gather);
        lines.clear();
        mem::swap(lines, &mut state.lines);
        Some(state.sink.take())
    }

    fn drop_lines(&self, count: u64, why: &str) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
        if !self.tells_itself && self.warned.may(WARN) {
            self.tell(why);
        }
    }

    /// Says what has been dropped since that was said last.
    fn tell_rest(&self, why: &str) {
        if self.dropped() > self.told.load(Ordering::Relaxed) {
            self.tell(why);
        }
    }

    fn tell(&self, why: &str) {
        let dropped = self.dropped();
        self.told.store(dropped, Ordering::Relaxed);
        warn!(dropped, "lines of the {} are dropped: {why}", self.name);
    }
}

/// What is written at once is a line, with its end.
impl Write for &LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for LineQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut queue = f.debug_struct("LineQueue");
        queue.field("name", &self.name).field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}
