//! A nap: the long sleep of a thread that watches others, while there is nothing to watch. So an
//! idle process costs next to nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How long there has been nothing to watch before a thread naps: a wake-up costs as much as
/// many looks.
const LINGER: Duration = Duration::from_secs(1);

/// The nap of one thread.
#[derive(Debug)]
pub(crate) struct Nap {
    /// When there was something to watch.
    busy: Mutex<Instant>,
    is_taken: AtomicBool,
    over: Condvar,
}

impl Nap {
    pub(crate) fn new() -> Nap {
        Nap {
            busy: Mutex::new(Instant::now()),
            is_taken: AtomicBool::new(false),
            over: Condvar::new(),
        }
    }

    /// Says that there is something to watch.
    pub(crate) fn put_off(&self) {
        *self.busy.lock() = Instant::now();
    }

    /// Naps for `time`, or until that is ended, if there has been nothing to watch for a while
    /// and `may_nap` once it would be noticed. Says whether it napped.
    pub(crate) fn take(&self, time: Duration, may_nap: impl FnOnce() -> bool) -> bool {
        let mut busy = self.busy.lock();
        if busy.elapsed() < LINGER {
            return false;
        }
        self.is_taken.store(true, Ordering::SeqCst);
        let naps = may_nap();
        if naps {
            self.over.wait_for(&mut busy, time);
        }
        self.is_taken.store(false, Ordering::SeqCst);
        naps
    }

    /// Ends a nap, as there is something to watch. Costs one look if there is none.
    pub(crate) fn end(&self) {
        if self.is_taken() {
            self.put_off();
            self.over.notify_one();
        }
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.is_taken.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    /// A nap that may be taken at once.
    fn due() -> Nap {
        let nap = Nap::new();
        *nap.busy.lock() = Instant::now().checked_sub(LINGER).unwrap();
        nap
    }

    #[test]
    fn nobody_naps_who_has_had_something_to_watch() {
        let nap = due();
        nap.put_off();
        assert!(!nap.take(Duration::ZERO, || true));
        assert!(!due().take(LONG, || false));
    }

    #[test]
    fn a_nap_is_ended_whenever_it_is_noticed() {
        let nap = &due();
        thread::scope(|scope| {
            let napper = scope.spawn(|| nap.take(LONG, || true));
            while !napper.is_finished() {
                nap.end();
            }
            assert!(napper.join().unwrap());
        });
        assert!(!nap.take(Duration::ZERO, || true));
    }
}
