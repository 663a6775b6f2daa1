//! What the operator wants of a server that runs, and what comes of it.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::restart::Replacement;

/// Something happened.
pub enum Event {
    /// SIGHUP.
    Reload,
    /// SIGUSR1.
    Reopen,
    /// SIGUSR2.
    Restart,
    /// SIGINT or SIGTERM.
    Stop(i32),
    /// A new process serves.
    Ready(Replacement),
}

/// Signals that are kept, and are no events yet.
pub struct Kept {
    signals: Signals,
    /// Whether SIGINT and SIGTERM end the process at once.
    ends: Arc<AtomicBool>,
}

/// Signals that would end a process that does not serve yet.
const KEPT: [i32; 3] = [SIGHUP, SIGUSR1, SIGUSR2];

/// Lets signals be what this program counts on, whoever started it: none is blocked but those that
/// are to be kept, what it starts is there until it is waited for (SIGCHLD is not ignored), and a file
/// that may grow no more (`RLIMIT_FSIZE`) is an error of the write, and not the end of the process by
/// SIGXFSZ. Both are caught and do nothing, as programs that this one starts would inherit what is
/// ignored.
pub fn begin() -> Result<()> {
    for signal in [SIGXFSZ, SIGCHLD] {
        flag::register(signal, Arc::default()).context("cannot catch signals")?;
    }
    let mut unblocked = SigSet::all();
    for kept in KEPT {
        unblocked.remove(Signal::try_from(kept)?);
    }
    unblocked.thread_unblock().context("cannot unblock signals")
}

/// Keeps SIGHUP, SIGUSR1 and SIGUSR2 from now on, which would end a process that does not serve
/// yet.
/// SIGINT and SIGTERM do end it, process 1 too, whom the kernel spares what others meet.
pub fn keep() -> Result<Kept> {
    let ends = Arc::new(AtomicBool::new(true));
    if process::id() == 1 {
        for signal in [SIGINT, SIGTERM] {
            let code = signal.saturating_add(128);
            flag::register_conditional_shutdown(signal, code, Arc::clone(&ends))
                .context("cannot catch signals")?;
        }
    }
    let signals = Signals::new(KEPT).context("cannot catch signals")?;
    SigSet::all().thread_unblock().context("cannot unblock signals")?;
    Ok(Kept { signals, ends })
}

impl Kept {
    /// Signals are events from now on, those included that were kept, and those that would end
    /// the process until now.
    pub fn listen(self) -> Result<(Sender<Event>, Receiver<Event>)> {
        let Kept { mut signals, ends } = self;
        for signal in [SIGINT, SIGTERM] {
            signals.add_signal(signal).context("cannot catch signals")?;
        }
        ends.store(false, Ordering::SeqCst);
        let (send, receive) = mpsc::channel();
        let events = send.clone();
        let forward = move || {
            for signal in &mut signals {
                let event = match signal {
                    SIGHUP => Event::Reload,
                    SIGUSR1 => Event::Reopen,
                    SIGUSR2 => Event::Restart,
                    signal => Event::Stop(signal),
                };
                // Nobody listens any more when the process is about to end.
                let _ = events.send(event);
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(forward).context("no thread")?;
        Ok((send, receive))
    }
}
