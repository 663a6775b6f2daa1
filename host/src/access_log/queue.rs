//! The lines between those who make them and the one who writes them.

use std::io::ErrorKind::WouldBlock;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::warn;

use super::sink::{Sink, Target, Unwritten};
use crate::rate::Seldom;

/// How many bytes of lines may wait.
const ROOM: usize = 4 << 20;

/// How long lines are gathered before they are written, unless there are this many bytes. More
/// would push out of a processor's caches what requests need.
const GATHER: Duration = Duration::from_millis(50);
const MUCH: usize = 64 << 10;

/// How often it is said that lines are dropped.
const WARN: Duration = Duration::from_secs(5);

/// How often a writer that waits for a reader looks whether it still should.
const LOOK: Duration = Duration::from_millis(50);

/// How long it may take to count what is dropped at the end.
const LAST: Duration = Duration::from_millis(500);

/// Lines that wait to be written.
#[derive(Default)]
pub(super) struct Queue {
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

impl Queue {
    /// Appends a line, or drops it.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.state();
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

    /// Writes elsewhere from now on.
    pub(super) fn replace(&self, sink: Sink) {
        let mut state = self.state();
        state.sink = Some(sink);
        state.idle = false;
        drop(state);
        self.ready.notify_one();
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Has the writer write all and end, and waits for it at most so long. What it cannot write
    /// by then is dropped.
    pub(super) fn finish(&self, patience: Duration) {
        let mut state = self.state();
        state.finishing = true;
        self.ready.notify_one();
        for patience in [patience, LAST] {
            let waited = self.done.wait_timeout_while(state, patience, |state| !state.finished);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.abandoned = true;
        }
        drop(state);
        if self.dropped() > self.told.load(Ordering::Relaxed) {
            self.tell("it has ended");
        }
    }

    /// What the writer does.
    pub(super) fn write_to(&self, mut sink: Sink) {
        let mut lines = Vec::new();
        while let Some(other) = self.take(&mut lines) {
            // Lines of before a rotation may be in either file.
            if let Some(mut other) = other {
                other.succeed(&sink);
                sink = other;
            }
            let mut rest = lines.as_slice();
            while let Err(Unwritten { left, cause }) = sink.write(rest, |it| self.may_wait(it)) {
                let (written, unwritten) = rest.split_at(rest.len().saturating_sub(left));
                let other =
                    if cause.kind() == WouldBlock { self.state().sink.take() } else { None };
                let Some(mut other) = other else {
                    self.drop_lines(count_lines(unwritten), &cause.to_string());
                    break;
                };
                other.succeed(&sink);
                sink = other;
                // From the beginning of the line that was cut.
                let cut = written.iter().rev().take_while(|&&byte| byte != b'\n').count();
                rest = rest.get(written.len().saturating_sub(cut)..).unwrap_or_default();
            }
            lines.clear();
        }
        self.done.notify_all();
    }

    /// Waits a little for a reader. Says whether it shall be tried again to write there.
    fn may_wait(&self, target: &Target) -> bool {
        target.wait(LOOK);
        let state = self.state();
        state.sink.is_none() && !state.abandoned
    }

    /// Waits for lines and takes them, with the sink that has come. `None` is the end.
    fn take(&self, lines: &mut Vec<u8>) -> Option<Option<Sink>> {
        let mut state = self.state();
        while state.lines.is_empty() && state.sink.is_none() {
            if state.finishing {
                state.finished = true;
                return None;
            }
            state.idle = true;
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.idle = false;
        // Every write has its price, and so has being woken for each line.
        let gathers =
            |state: &mut State| !state.finishing && !state.has_much() && state.sink.is_none();
        let gathered = self.ready.wait_timeout_while(state, GATHER, gathers);
        (state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        mem::swap(lines, &mut state.lines);
        Some(state.sink.take())
    }

    fn drop_lines(&self, count: u64, why: &str) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
        if self.warned.may(WARN) {
            self.tell(why);
        }
    }

    fn tell(&self, why: &str) {
        let dropped = self.dropped();
        self.told.store(dropped, Ordering::Relaxed);
        warn!(dropped, "lines of the access log are dropped: {why}");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::Path;
    use std::thread;

    use super::*;
    use crate::config::LogTarget;

    #[test]
    fn lines_beyond_the_room_are_dropped_and_counted() {
        let queue = Queue::default();
        let line = [b'x'; 1 << 10];
        for _ in 0..(ROOM >> 10) + 3 {
            queue.push(&line);
        }
        assert_eq!(queue.dropped(), 3);
    }

    /// A queue that so many lines of a KiB have gone through, to a FIFO whose reader has stopped,
    /// and then what `end` does with it and a folder.
    fn beside_a_reader_that_stopped(lines: usize, end: impl FnOnce(&Queue, &Path)) -> Queue {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        let _both = File::options().read(true).write(true).open(&path).unwrap();
        let queue = Queue::default();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        thread::scope(|scope| {
            let sink = Sink::open(&LogTarget::File(path)).unwrap();
            scope.spawn(|| queue.write_to(sink));
            (0..lines).for_each(|_| queue.push(&line));
            end(&queue, folder.path());
        });
        queue
    }

    #[test]
    fn what_nobody_reads_by_the_end_is_dropped_and_counted() {
        let queue = beside_a_reader_that_stopped(3000, |queue, _| {
            queue.finish(Duration::from_millis(100));
            // Until the writer has ended.
            queue.finish(Duration::from_secs(60));
        });
        assert!((1000..3000).contains(&queue.dropped()), "{}", queue.dropped());
        assert_eq!(queue.told.load(Ordering::Relaxed), queue.dropped());
    }

    #[test]
    fn who_does_not_read_keeps_nobody_from_another_target() {
        let queue = beside_a_reader_that_stopped(1000, |queue, folder| {
            let file = folder.join("file");
            queue.replace(Sink::open(&LogTarget::File(file.clone())).unwrap());
            queue.push(b"last\n");
            queue.finish(Duration::from_secs(60));
            let moved = std::fs::read_to_string(file).unwrap();
            assert!(moved.starts_with('x') && moved.ends_with("x\nlast\n"));
            assert!(moved.lines().rev().skip(1).all(|line| line.len() == 1023));
        });
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn a_writer_that_ends_has_written_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = LogTarget::File(folder.path().join("log"));
        let queue = Queue::default();
        thread::scope(|scope| {
            let sink = Sink::open(&target).unwrap();
            scope.spawn(|| queue.write_to(sink));
            for number in 0..1000 {
                queue.push(format!("{number}\n").as_bytes());
            }
            queue.finish(Duration::from_secs(60));
        });
        let written = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(written.lines().eq((0..1000).map(|number| number.to_string())));
        assert_eq!(queue.dropped(), 0);
    }
}
