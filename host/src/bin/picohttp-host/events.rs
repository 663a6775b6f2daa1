//! What the operator wants of a server that runs, and what comes of it.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::restart::Replacement;

/// Something happened.
pub enum Event {
    /// SIGHUP.
    Reload,
    /// SIGUSR2.
    Restart,
    /// SIGINT or SIGTERM.
    Stop(i32),
    /// A new process serves.
    Ready(Replacement),
}

/// Signals that are kept, and are no events yet.
pub struct Kept(Signals);

/// Makes a file that may grow no more (`RLIMIT_FSIZE`) an error of the write, and not the end of
/// the process by SIGXFSZ. The signal is caught and not ignored, as programs that this one starts
/// would inherit the latter.
pub fn outlive_full_files() -> Result<()> {
    flag::register(SIGXFSZ, Arc::default()).context("cannot catch signals")?;
    Ok(())
}

/// Keeps SIGHUP and SIGUSR2 from now on, which would end a process that does not serve yet.
pub fn keep() -> Result<Kept> {
    Ok(Kept(Signals::new([SIGHUP, SIGUSR2]).context("cannot catch signals")?))
}

impl Kept {
    /// Signals are events from now on, those included that were kept, and those that would end
    /// the process until now.
    pub fn listen(self) -> Result<(Sender<Event>, Receiver<Event>)> {
        let Kept(mut signals) = self;
        for signal in [SIGINT, SIGTERM] {
            signals.add_signal(signal).context("cannot catch signals")?;
        }
        let (send, receive) = mpsc::channel();
        let events = send.clone();
        let forward = move || {
            for signal in &mut signals {
                let event = match signal {
                    SIGHUP => Event::Reload,
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
