//! Progress on the terminal, for what takes seconds.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long nothing is said, and how often something is said then.
const QUIET: Duration = Duration::from_millis(500);
const OFTEN: Duration = Duration::from_millis(100);

/// Shows how many handlers are loaded of how many, on a line that is written over. Says
/// nothing where nobody looks, or where it is soon over.
pub fn show(wanted: bool) -> impl Fn(usize, usize) + Sync {
    let wanted = wanted && stderr().is_terminal();
    let began = Instant::now();
    let next = Mutex::new(began + QUIET);
    move |done, all| {
        let now = Instant::now();
        let Ok(mut next) = next.lock() else { return };
        let shown = *next > began + QUIET;
        if !wanted || (now < *next && !(shown && done == all)) {
            return;
        }
        *next = now + OFTEN;
        let end = if done == all { "\n" } else { "" };
        let _ = write!(stderr(), "\rloading handlers: {done} of {all}{end}");
    }
}
