//! Whose turn it is when there is not enough for all.
//!
//! A clock counts what a tenant would have had of the processors if all tenants that
//! are active had been given the same, and half as much again. One that has had more is not
//! due: its requests wait until the clock has come up with it, or a thread has nothing else
//! to do. So nothing is left unused, and a tenant that asks for much takes only what others
//! leave (fair queueing by virtual time).
//!
//! What is given is what all had together, but half of what the processors could do at the
//! least: who asks for little makes nobody else's share small.

use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

/// How many halves of the average are still no more than a share: tenants that do the same do
/// not cost quite the same.
const AMPLE: u32 = 3;

/// How far a tenant may be ahead of the clock and still be due: less than this is
/// chance.
const SLACK: Duration = Duration::from_millis(4);

/// How far a tenant can be ahead: what it took while nobody else wanted it is not held
/// against it for longer than it takes to catch up with this.
const MOST: Duration = Duration::from_millis(100);

/// A tenant is active if it had a request within this time, or in the one before.
const WINDOW: Duration = Duration::from_millis(100);

/// What each active tenant would have had.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Until the window began, and since then of what all had.
    time: Duration,
    given: Duration,
    /// Counts from 1.
    window: u64,
    began: Option<Instant>,
    active: u32,
    active_before: u32,
    processors: u32,
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

impl Default for Clock {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Clock::new(u32::try_from(processors).unwrap_or(u32::MAX))
    }
}

impl Clock {
    fn new(processors: u32) -> Clock {
        Clock {
            time: Duration::ZERO,
            given: Duration::ZERO,
            window: 0,
            began: None,
            active: 0,
            active_before: 0,
            processors,
        }
    }

    /// Whether the tenant has had no more than its share.
    pub(crate) fn is_due(&self, share: &Share, now: Instant) -> bool {
        share.had <= self.time + self.given + SLACK || share.had <= self.time(now) + SLACK
    }

    /// Counts that a tenant has kept a processor busy.
    pub(crate) fn charge(&mut self, share: &mut Share, busy: Duration, now: Instant) {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            let gap =
                self.began.is_some_and(|began| now.saturating_duration_since(began) >= WINDOW * 2);
            (self.time, self.given) = (self.time(now), Duration::ZERO);
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
        share.had = share.had.max(self.time(now).saturating_sub(SLACK)) + busy;
        self.given += self.share_of(busy);
        share.had = share.had.min(self.time(now) + MOST);
    }

    fn time(&self, now: Instant) -> Duration {
        let since = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        let least = self.share_of(since.saturating_mul(self.processors) / 2);
        self.time + self.given.max(least)
    }

    /// How much of a time may be one tenant's.
    fn share_of(&self, time: Duration) -> Duration {
        let active = self.active.max(self.active_before).max(1);
        time.saturating_mul(AMPLE) / active.saturating_mul(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_tenant_alone_is_always_due() {
        let (mut clock, mut alone) = (Clock::new(2), Share::default());
        let mut now = Instant::now();
        for _ in 0..1000 {
            now += MS;
            clock.charge(&mut alone, MS, now);
            assert!(clock.is_due(&alone, now));
        }
    }

    #[test]
    fn who_takes_far_more_is_not_due_until_others_have_had_enough() {
        let mut clock = Clock::new(2);
        let mut greedy = Share::default();
        let mut modest: [Share; 9] = Default::default();
        let now = Instant::now();
        for share in &mut modest {
            clock.charge(share, MS, now);
        }
        for _ in 0..20 {
            clock.charge(&mut greedy, MS, now);
        }
        assert!(!clock.is_due(&greedy, now));
        let mut others = Duration::ZERO;
        while !clock.is_due(&greedy, now) {
            for share in &mut modest {
                assert!(clock.is_due(share, now));
                clock.charge(share, MS, now);
                others += MS;
            }
        }
        // It had 20 times what they are given one by one, and each may have half as much again.
        assert!((MS * 60..MS * 130).contains(&others), "{others:?}");
    }

    #[test]
    fn of_two_who_takes_far_more_is_not_always_due() {
        let (mut clock, mut greedy, mut modest) =
            (Clock::new(2), Share::default(), Share::default());
        let mut now = Instant::now();
        let mut due = 0;
        for _ in 0..1000 {
            now += MS;
            clock.charge(&mut modest, MS, now);
            assert!(clock.is_due(&modest, now));
            if clock.is_due(&greedy, now) {
                due += 1;
                clock.charge(&mut greedy, MS * 9, now);
            }
        }
        // Three times as much as the other, and not nine times.
        assert!((300..400).contains(&due), "{due}");
    }

    #[test]
    fn tenants_that_do_nearly_the_same_are_always_due() {
        let mut clock = Clock::new(2);
        let mut shares: [Share; 20] = Default::default();
        let mut now = Instant::now();
        for _ in 0..1000 {
            now += MS;
            for (share, more) in shares.iter_mut().zip(0..) {
                clock.charge(share, MS + MS * more / 40, now);
                assert!(clock.is_due(share, now), "{more}");
            }
        }
    }

    #[test]
    fn what_was_taken_long_ago_is_soon_forgiven() {
        let mut clock = Clock::new(2);
        let [mut greedy, mut other, mut another]: [Share; 3] = Default::default();
        let mut now = Instant::now();
        for _ in 0..10_000 {
            now += MS;
            clock.charge(&mut greedy, MS, now);
            clock.charge(&mut other, MS / 100, now);
            clock.charge(&mut another, MS / 100, now);
        }
        let mut charged = Duration::ZERO;
        while !clock.is_due(&greedy, now) {
            now += MS;
            clock.charge(&mut other, MS, now);
            charged += MS;
        }
        assert!(charged <= MOST * 2, "{charged:?}");
    }

    #[test]
    fn a_share_beside_who_asks_for_little_is_no_less() {
        let (mut clock, mut popular, mut quiet) =
            (Clock::new(2), Share::default(), Share::default());
        let mut now = Instant::now();
        for request in 0..10_000 {
            now += MS * 10;
            if request % 10 == 0 {
                clock.charge(&mut quiet, MS / 10, now);
            }
            assert!(clock.is_due(&popular, now), "{request}");
            clock.charge(&mut popular, MS * 5, now);
        }
    }

    #[test]
    fn what_was_taken_is_forgiven_though_nobody_asks_for_anything() {
        let (mut clock, mut greedy, mut other) =
            (Clock::new(2), Share::default(), Share::default());
        let mut now = Instant::now();
        for _ in 0..1000 {
            now += MS / 2;
            clock.charge(&mut greedy, MS, now);
            clock.charge(&mut other, MS / 100, now);
        }
        assert!(!clock.is_due(&greedy, now));
        assert!(clock.is_due(&greedy, now + MS * 400));
    }
}
