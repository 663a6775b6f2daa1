//! The beat at which a thread that goes last steps aside.
//!
//! Even such a thread has a small part of a processor beside others who want it. The kernel
//! gives it that in one piece, and ends it no sooner than at a tick of its own: up to 4 ms, in
//! which all others wait. A thread with a beat lets them go on at each, and beside others who
//! never rest it gets even less.

use std::io;
use std::mem;
use std::time::Duration;

use nix::sys::signal::{SigEvent, SigevNotify, Signal};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use rustix::thread::{gettid, sched_yield};
use signal_hook::consts::SIGALRM;

/// How long a beat is. Each costs what an interrupt and a signal do: 30 microseconds where a
/// virtual machine was measured, so 6 % of the time.
const BEAT: Duration = Duration::from_micros(500);

/// Has each thread of this process step aside at its beat, once it has one. The process has no
/// other use for SIGALRM then.
#[expect(unsafe_code, reason = "what may be done in the midst of anything else, nobody checks")]
pub(super) fn step_aside() -> io::Result<()> {
    // SAFETY: it is one system call.
    unsafe { signal_hook::low_level::register(SIGALRM, sched_yield) }.map(drop)
}

/// Begins the present thread's beat, for as long as it lives. Without [`step_aside`] the first
/// would end the process.
pub(super) fn begin() -> io::Result<()> {
    let notify = SigevNotify::SigevThreadId {
        signal: Signal::SIGALRM,
        thread_id: gettid().as_raw_nonzero().get(),
        si_value: 0,
    };
    let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(notify))?;
    timer.set(Expiration::Interval(BEAT.into()), TimerSetTimeFlags::empty())?;
    // It stops when there is nobody to tell.
    mem::forget(timer);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn who_computes_is_interrupted_at_each_beat() {
        let is_beat = Arc::new(AtomicBool::new(false));
        step_aside().unwrap();
        signal_hook::flag::register(SIGALRM, Arc::clone(&is_beat)).unwrap();
        begin().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        for _ in 0..3 {
            while !is_beat.swap(false, Ordering::Relaxed) {
                assert!(Instant::now() < deadline);
            }
        }
    }
}
