//! Progress on the terminal, for what takes seconds.

use std::env;
use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use picohttp_host::config::Plan;
use tracing::info;

/// How long nothing is said, and how often something is said then, on a terminal and in a log.
const QUIET: Duration = Duration::from_secs(1);
const OFTEN: Duration = Duration::from_millis(200);
const SELDOM: Duration = Duration::from_secs(10);

/// Goes to the begin of the line and erases it.
const ERASE: &str = "\r\x1b[K";

/// A line that is written over until this is dropped, or a few lines in the log where there is no
/// terminal. Nothing is written where it is soon over.
pub struct Line {
    ends: Option<Sender<()>>,
    writer: Option<JoinHandle<()>>,
}

impl Line {
    /// A line that says this, and for how many seconds already.
    pub fn begin(wanted: bool, text: impl Fn() -> String + Send + 'static) -> Line {
        let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        if !wanted {
            return Line { ends: None, writer: None };
        }
        let is_written_over = !is_dumb && stderr().is_terminal();
        let (ends, ended) = mpsc::channel();
        let write = move || {
            let began = Instant::now();
            let mut pause = QUIET;
            while ended.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let (text, seconds) = (text(), began.elapsed().as_secs());
                if !is_written_over {
                    pause = SELDOM;
                    info!(seconds, "{text}");
                    continue;
                }
                pause = OFTEN;
                let _ = write!(stderr(), "{ERASE}{text}, {seconds} s");
            }
            if pause == OFTEN {
                let _ = write!(stderr(), "{ERASE}");
            }
        };
        // Without a thread, it is done without a word.
        Line { ends: Some(ends), writer: thread::Builder::new().spawn(write).ok() }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.ends = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

/// Shows how many handlers of a plan are loaded of how many. What builds some of them shows its
/// own progress.
pub fn show(wanted: bool, plan: &Plan) -> impl Fn(usize, usize) + Sync {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let shown = Arc::clone(&counts);
    let line = Line::begin(wanted && !plan.builds(), move || {
        let [done, all] = shown.each_ref().map(|count| count.load(Ordering::Relaxed));
        if all == 1 { "compiling".to_owned() } else { format!("loading handlers: {done} of {all}") }
    });
    move |done, all| {
        let _until_dropped = &line;
        let [loaded, of] = counts.as_ref();
        loaded.fetch_max(done, Ordering::Relaxed);
        of.store(all, Ordering::Relaxed);
    }
}
