//! Whose turn it is when there is not enough for all.
//!
//! A clock counts what a tenant would have had of the processors if all tenants that
//! are active had been given the same. One that has had more is not due: its requests
//! wait until the clock has come up with it, or a thread has nothing else to do. So
//! nothing is left unused, and a tenant that asks for much takes only what others
//! leave (fair queueing by virtual time).

use std::time::{Duration, Instant};

/// How far a tenant may be ahead of the clock and still be due: less than this is
/// chance.
const SLACK: Duration = Duration::from_millis(4);

/// How far a tenant can be ahead: what it took while nobody else wanted it is not held
/// against it for longer than it takes to catch up with this.
const MOST: Duration = Duration::from_millis(100);

/// A tenant is active if it had a request within this time, or in the one before.
const WINDOW: Duration = Duration::from_millis(100);

/// What each active tenant would have had.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    time: Duration,
    /// Counts from 1.
    window: u64,
    began: Option<Instant>,
    active: u32,
    active_before: u32,
}

/// What one tenant has had.
#[derive(Debug, Default)]
pub(crate) struct Share {
    had: Duration,
    /// The window in which it was last active.
    window: u64,
}

impl Share {
    pub(crate) fn had(&self) -> Duration {
        self.had
    }
}

impl Clock {
    /// Whether the tenant has had no more than its share.
    pub(crate) fn is_due(&self, share: &Share) -> bool {
        share.had <= self.time + SLACK
    }

    /// Counts that a tenant has kept a processor busy.
    pub(crate) fn charge(&mut self, share: &mut Share, busy: Duration, now: Instant) {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            let gap =
                self.began.is_some_and(|began| now.saturating_duration_since(began) >= WINDOW * 2);
            self.active_before = if gap { 0 } else { self.active };
            self.active = 0;
            self.window += 1;
            self.began = Some(now);
        }
        if share.window != self.window {
            share.window = self.window;
            self.active += 1;
        }
        let busy = busy.min(MOST);
        // Who was idle saved next to nothing up by it.
        share.had = share.had.max(self.time.saturating_sub(SLACK)) + busy;
        self.time += busy / self.active.max(self.active_before).max(1);
        share.had = share.had.min(self.time + MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_tenant_alone_is_always_due() {
        let (mut clock, mut alone) = (Clock::default(), Share::default());
        let mut now = Instant::now();
        for _ in 0..1000 {
            now += MS;
            clock.charge(&mut alone, MS, now);
            assert!(clock.is_due(&alone));
        }
    }

    #[test]
    fn who_takes_more_is_not_due_until_others_have_had_as_much() {
        let mut clock = Clock::default();
        let (mut greedy, mut modest) = (Share::default(), Share::default());
        let start = Instant::now();
        clock.charge(&mut modest, MS, start);
        for _ in 0..20 {
            clock.charge(&mut greedy, MS, start);
        }
        assert!(!clock.is_due(&greedy));
        assert!(clock.is_due(&modest));
        for _ in 0..12 {
            clock.charge(&mut modest, MS, start);
        }
        assert!(clock.is_due(&greedy));
        assert!(clock.is_due(&modest));
    }

    #[test]
    fn what_was_taken_long_ago_is_soon_forgiven() {
        let mut clock = Clock::default();
        let (mut greedy, mut other) = (Share::default(), Share::default());
        let mut now = Instant::now();
        for _ in 0..10_000 {
            now += MS;
            clock.charge(&mut greedy, MS, now);
            clock.charge(&mut other, MS / 100, now);
        }
        let mut charged = Duration::ZERO;
        while !clock.is_due(&greedy) {
            now += MS;
            clock.charge(&mut other, MS, now);
            charged += MS;
        }
        assert!(charged <= MOST * 2, "{charged:?}");
    }
}
