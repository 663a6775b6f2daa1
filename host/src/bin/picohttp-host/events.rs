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

/// Makes a file that may grow no more (`RLIMIT_FSIZE`) an error of the write, and not the end of
/// the process by SIGXFSZ. The signal is caught and not ignored, as programs that this one starts
/// would inherit the latter.
pub fn outlive_full_files() -> Result<()> {
    flag::register(SIGXFSZ, Arc::default()).context("cannot catch signals")?;
    Ok(())
}

/// Catches signals, which are events from now on.
pub fn catch() -> Result<(Sender<Event>, Receiver<Event>)> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM, SIGUSR2])?;
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
