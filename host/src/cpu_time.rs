//! How long a processor is busy with something.
//!
//! A thread's own clock leaves out what it waited, for a processor as well: a request must
//! not be held to be long because others had the processor meanwhile. To read that clock is
//! a system call. What is over sooner than one is worth is taken to have waited for nothing,
//! and a reading does for all that begins soon after it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How old a reading may be, and how long something takes at least to be worth one. Of
/// longer work, so much more may be counted than it was.
const GRAIN: Duration = Duration::from_micros(250);

thread_local! {
    /// The last reading, and when it was.
    static READ: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// Something that the present thread does.
pub(crate) struct CpuTimer {
    began: Instant,
    /// What the thread's clock showed then, or shortly before.
    clock: Duration,
}

impl CpuTimer {
    /// With what begins now.
    pub(crate) fn since(now: Instant) -> CpuTimer {
        let recent = READ.get().filter(|&(at, _)| now.saturating_duration_since(at) < GRAIN);
        let clock = recent.map_or_else(|| read(now), |(_, clock)| clock);
        CpuTimer { began: now, clock }
    }

    /// How long a processor has been busy with it by now.
    pub(crate) fn time(&self, now: Instant) -> Duration {
        let wall = now.saturating_duration_since(self.began);
        if wall < GRAIN { wall } else { read(now).saturating_sub(self.clock).min(wall) }
    }
}

fn read(now: Instant) -> Duration {
    let clock = thread_clock();
    READ.set(Some((now, clock)));
    clock
}

/// How long processors have been busy with the present thread.
pub(crate) fn thread_clock() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// How long processors have been busy with this process.
pub(crate) fn process_clock() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Keeps a processor busy.
    fn compute(time: Duration) {
        let began = thread_clock();
        while thread_clock() - began < time {}
    }

    #[test]
    fn waiting_is_not_counted() {
        let busy = CpuTimer::since(Instant::now());
        thread::sleep(Duration::from_millis(20));
        assert!(busy.time(Instant::now()) < Duration::from_millis(10));
    }

    #[test]
    fn computing_is_counted() {
        let busy = CpuTimer::since(Instant::now());
        compute(Duration::from_millis(5));
        assert!(busy.time(Instant::now()) >= Duration::from_millis(5));
    }

    #[test]
    fn next_to_nothing_is_counted_of_what_was_before() {
        compute(Duration::from_millis(5));
        let before = thread_clock();
        let busy = CpuTimer::since(Instant::now());
        compute(GRAIN);
        let time = busy.time(Instant::now());
        let most = thread_clock() - before + GRAIN;
        assert!((GRAIN..=most).contains(&time), "{time:?} of {most:?}");
    }
}
