//! The beat at which a thread that goes last steps aside.
//!
//! Even such a thread has a small part of a processor beside others who want it. The kernel
//! gives it that in one piece, and ends it no sooner than at a tick of its own: up to 4 ms, in
//! which all others wait. A thread with a beat asks at each whether somebody waits. While it
//! does not run, it has none.

use std::cell::RefCell;
use std::io;
use std::sync::Once;
use std::thread;
use std::time::Duration;

use libc::SIGALRM;
use nix::sys::signal::{SigEvent, SigevNotify, Signal};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use rustix::thread::gettid;

/// How long a beat is. Each costs some microseconds, and on a virtual machine up to 40.
const BEAT: Duration = Duration::from_micros(500);

thread_local! {
    /// The present thread's.
    static TIMER: RefCell<Option<Timer>> = const { RefCell::new(None) };
}

/// Has the present thread step aside at each beat from now on. The process gives up SIGALRM
/// for it.
pub(super) fn step_aside() -> io::Result<()> {
    static HANDLED: Once = Once::new();
    HANDLED.call_once(|| {
        // SIGALRM is not one of those that can have no handler.
        let _ = at_beat(thread::yield_now);
    });
    begin()
}

/// Has every beat of any thread do something.
#[expect(unsafe_code, reason = "what may be done in the midst of anything else, nobody checks")]
fn at_beat(act: fn()) -> io::Result<()> {
    // SAFETY: what is given to it, here and in the tests, takes no lock and allocates nothing: a
    // system call, and an addition to an atomic.
    unsafe { signal_hook::low_level::register(SIGALRM, act) }.map(drop)
}

/// Begins the present thread's beat.
fn begin() -> io::Result<()> {
    let notify = SigevNotify::SigevThreadId {
        signal: Signal::SIGALRM,
        thread_id: gettid().as_raw_nonzero().get(),
        si_value: 0,
    };
    let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(notify))?;
    timer.set(Expiration::Interval(BEAT.into()), TimerSetTimeFlags::empty())?;
    TIMER.set(Some(timer));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn who_computes_is_interrupted_at_each_beat() {
        static BEATS: AtomicU32 = AtomicU32::new(0);
        at_beat(|| {
            BEATS.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        begin().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while BEATS.load(Ordering::Relaxed) < 3 {
            assert!(Instant::now() < deadline);
        }
    }
}
