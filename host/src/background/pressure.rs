//! Whether those who go first wait for processors.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use rustix::thread::Pid;

use crate::processors::processors;

/// What part of all processors' time between two looks they may have waited, all together.
const PART: u32 = 20;

/// What there was to see at the last look.
#[derive(Debug)]
pub(crate) struct Pressure {
    processors: u32,
    /// How long each of those who go first had waited by then.
    waited: Option<(Instant, HashMap<Pid, Duration>)>,
}

impl Default for Pressure {
    fn default() -> Self {
        let processors = processors();
        let processors = u32::try_from(processors).unwrap_or(u32::MAX);
        Pressure { processors, waited: None }
    }
}

impl Pressure {
    /// Whether these threads have waited since the last look. Not known, and so not said, if
    /// there was none, or of a thread that was not seen then.
    pub(super) fn waits(&mut self, threads: impl Iterator<Item = Pid>, now: Instant) -> bool {
        let seen: HashMap<_, _> =
            threads.filter_map(|thread| Some((thread, waited(thread)?))).collect();
        let since = |before: &HashMap<_, _>| -> Duration {
            let pairs = seen.iter().filter_map(|(thread, now)| Some((now, before.get(thread)?)));
            pairs.map(|(now, before)| now.saturating_sub(*before)).sum()
        };
        let is_long = self.waited.as_ref().is_some_and(|(looked_at, before)| {
            let time = now.saturating_duration_since(*looked_at);
            since(before) > time.saturating_mul(self.processors) / PART
        });
        self.waited = Some((now, seen));
        is_long
    }

    /// Forgets how long they had waited: what was until the next is not to be judged.
    pub(super) fn forget(&mut self) {
        self.waited = None;
    }
}

/// How long a thread of this process has been ready and had no processor: the second number
/// of its `schedstat`, in nanoseconds. Where the kernel does not count, there is none, or it was
/// never busy either.
fn waited(thread: Pid) -> Option<Duration> {
    let path = format!("/proc/self/task/{thread}/schedstat");
    let text = fs::read_to_string(path).ok()?;
    let mut numbers = text.split(' ').map(|number| number.parse().map(Duration::from_nanos));
    let (busy, waited) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    (!busy.is_zero()).then_some(waited)
}

#[cfg(test)]
mod tests {
    use std::iter;

    use std::thread;

    use rustix::thread::gettid;

    use super::*;
    use crate::cpu_time::thread_clock;

    const LONG: Duration = Duration::from_millis(100);

    #[test]
    #[expect(clippy::print_stderr, reason = "what is skipped is said")]
    fn threads_wait_if_there_are_more_than_processors() {
        if waited(gettid()).is_none() {
            return eprintln!("SKIPPED: the kernel does not count for how long threads wait");
        }
        let threads = processors() * 4;
        thread::scope(|scope| {
            let (sender, receiver) = crossbeam_channel::unbounded();
            for _ in 0..threads {
                let sender = sender.clone();
                scope.spawn(move || {
                    let _ = sender.send(gettid());
                    while thread_clock() < LONG {}
                });
            }
            let computing: Vec<Pid> = receiver.iter().take(threads).collect();
            let mut pressure = Pressure::default();
            assert!(!pressure.waits(computing.iter().copied(), Instant::now()));
            thread::sleep(LONG / 2);
            assert!(pressure.waits(computing.into_iter(), Instant::now()));
        });
    }

    #[test]
    fn who_sleeps_does_not_wait() {
        let mut pressure = Pressure { processors: 10, ..Pressure::default() };
        let (sender, receiver) = crossbeam_channel::bounded(1);
        thread::scope(|scope| {
            scope.spawn(move || {
                let _ = sender.send(gettid());
                thread::sleep(LONG * 2);
            });
            let sleeping = receiver.recv().unwrap();
            assert!(!pressure.waits(iter::once(sleeping), Instant::now()));
            thread::sleep(LONG);
            assert!(!pressure.waits(iter::once(sleeping), Instant::now()));
        });
    }

    #[test]
    fn what_was_before_is_not_judged() {
        let mut pressure = Pressure::default();
        let own = || iter::once(gettid());
        let now = Instant::now();
        pressure.waited = Some((now, HashMap::from([(gettid(), Duration::ZERO)])));
        pressure.forget();
        assert!(!pressure.waits(own(), now));
    }
}
