//! Fair queueing of tenants by virtual time.
//!
//! A clock counts what a tenant would have had of the processors if all active tenants had
//! had the same, and half as much again. One that has had more is not due: its requests wait
//! until the clock has caught up with it, or a thread has nothing else to do. So nothing is
//! left unused, and a tenant that asks for much takes only what others leave.
//!
//! What is given is what all had together, but half of what the processors could do at the
//! least: who asks for little makes nobody else's share small. And when nobody has asked for
//! anything for a while, nobody is ahead any more.

use std::time::{Duration, Instant};

use crate::processors::processors;

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
    /// What that was at `counted`, and since then of what all had.
    time: Duration,
    given: Duration,
    counted: Option<Instant>,
    /// When the window began; they count from 1.
    began: Option<Instant>,
    window: u64,
    active: u32,
    active_before: u32,
    processors: u32,
}

/// What one tenant has had.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    had: Duration,
    /// The window in which it was last active.
    window: u64,
}

impl Spent {
    pub(crate) fn had(&self) -> Duration {
        self.had
    }
}

impl Default for Clock {
    fn default() -> Self {
        let processors = processors();
        Clock::new(u32::try_from(processors).unwrap_or(u32::MAX))
    }
}

impl Clock {
    fn new(processors: u32) -> Clock {
        Clock {
            time: Duration::ZERO,
            given: Duration::ZERO,
            counted: None,
            began: None,
            window: 0,
            active: 0,
            active_before: 0,
            processors,
        }
    }

    /// Whether the tenant has had no more than its share.
    pub(crate) fn is_due(&self, spent: &Spent, now: Instant) -> bool {
        spent.had <= self.time + self.given + SLACK || spent.had <= self.time(now) + SLACK
    }

    /// Begins another window if this one is over. Says whether it did: those who are active,
    /// and charged nothing, are to be counted again then.
    pub(crate) fn begin_window(&mut self, now: Instant) -> bool {
        let is_over = self.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW);
        if is_over {
            self.count_time(now);
            self.active_before = if self.is_quiet(now) { 0 } else { self.active };
            self.active = 0;
            self.window += 1;
            self.began = Some(now);
        }
        is_over
    }

    /// Counts the tenant among those who are active.
    pub(crate) fn count(&mut self, spent: &mut Spent, now: Instant) {
        if spent.window != self.window {
            // Until now there were fewer to share it.
            self.count_time(now);
            spent.window = self.window;
            self.active += 1;
        }
    }

    /// Counts that a tenant has kept a processor busy.
    pub(crate) fn charge(&mut self, spent: &mut Spent, busy: Duration, now: Instant) {
        self.count(spent, now);
        let busy = busy.min(MOST);
        // A tenant that was idle has saved no more than a little for later.
        spent.had = spent.had.max(self.time(now).saturating_sub(SLACK)) + busy;
        self.given += self.share_of(busy);
        spent.had = spent.had.min(self.time(now) + MOST);
    }

    fn time(&self, now: Instant) -> Duration {
        let since = |then: Instant| now.saturating_duration_since(then);
        let since = self.counted.map_or(Duration::ZERO, since);
        let least = self.share_of(since.saturating_mul(self.processors) / 2);
        let forgiven = if self.is_quiet(now) { MOST } else { Duration::ZERO };
        self.time + self.given.max(least) + forgiven
    }

    /// What is counted once does not become less, whoever becomes active later.
    fn count_time(&mut self, now: Instant) {
        (self.time, self.given) = (self.time(now), Duration::ZERO);
        self.counted = self.counted.max(Some(now));
    }

    /// Whether nobody has been counted for as long as a tenant is active.
    fn is_quiet(&self, now: Instant) -> bool {
        self.began.is_some_and(|began| now.saturating_duration_since(began) >= WINDOW * 2)
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

    /// A clock of two processors, and what tenants have had by it.
    struct Shop<const TENANTS: usize> {
        clock: Clock,
        now: Instant,
        spent: [Spent; TENANTS],
    }

    impl<const TENANTS: usize> Shop<TENANTS> {
        fn new() -> Self {
            let spent = std::array::from_fn(|_| Spent::default());
            Shop { clock: Clock::new(2), now: Instant::now(), spent }
        }

        fn charge(&mut self, tenant: usize, busy: Duration) {
            self.clock.begin_window(self.now);
            self.clock.charge(&mut self.spent[tenant], busy, self.now);
        }

        fn is_due(&self, tenant: usize) -> bool {
            self.clock.is_due(&self.spent[tenant], self.now)
        }
    }

    #[test]
    fn a_tenant_alone_is_always_due() {
        let mut shop = Shop::<1>::new();
        for _ in 0..1000 {
            shop.now += MS;
            shop.charge(0, MS * 2);
            assert!(shop.is_due(0));
        }
    }

    #[test]
    fn who_takes_far_more_is_not_due_until_others_have_had_enough() {
        let mut shop = Shop::<10>::new();
        for modest in 1..10 {
            shop.charge(modest, MS);
        }
        for _ in 0..20 {
            shop.charge(0, MS);
        }
        assert!(!shop.is_due(0));
        let mut others = Duration::ZERO;
        while !shop.is_due(0) {
            for modest in 1..10 {
                assert!(shop.is_due(modest));
                shop.charge(modest, MS);
                others += MS;
            }
        }
        // It had 20 times what they are given one by one, and each may have half as much again.
        assert!((MS * 60..MS * 130).contains(&others), "{others:?}");
    }

    #[test]
    fn of_two_who_takes_far_more_is_not_always_due() {
        let mut shop = Shop::<2>::new();
        let mut due = 0;
        for _ in 0..1000 {
            shop.now += MS;
            shop.charge(1, MS);
            assert!(shop.is_due(1));
            if shop.is_due(0) {
                due += 1;
                shop.charge(0, MS * 9);
            }
        }
        // Three times as much as the other, and not nine times.
        assert!((300..400).contains(&due), "{due}");
    }

    #[test]
    fn tenants_that_do_nearly_the_same_are_always_due() {
        let mut shop = Shop::<20>::new();
        for _ in 0..1000 {
            shop.now += MS;
            for (tenant, more) in (0..20).enumerate() {
                shop.charge(tenant, MS + MS * more / 40);
                assert!(shop.is_due(tenant), "{more}");
            }
        }
    }

    #[test]
    fn what_was_taken_long_ago_is_soon_forgiven() {
        let mut shop = Shop::<3>::new();
        for _ in 0..10_000 {
            shop.now += MS;
            shop.charge(0, MS);
            shop.charge(1, MS / 100);
            shop.charge(2, MS / 100);
        }
        let mut charged = Duration::ZERO;
        while !shop.is_due(0) {
            shop.now += MS;
            shop.charge(1, MS);
            charged += MS;
        }
        assert!(charged <= MOST * 2, "{charged:?}");
    }

    #[test]
    fn a_share_beside_who_asks_for_little_is_no_less() {
        let mut shop = Shop::<2>::new();
        for request in 0..10_000 {
            shop.now += MS * 10;
            if request % 10 == 0 {
                shop.charge(1, MS / 10);
            }
            assert!(shop.is_due(0), "{request}");
            shop.charge(0, MS * 5);
        }
    }

    #[test]
    fn what_was_taken_is_forgiven_though_nobody_asks_for_anything() {
        let mut shop = Shop::<1001>::new();
        for _ in 0..10 {
            shop.now += MS;
            (0..1001).for_each(|tenant| shop.charge(tenant, MS / 100));
            shop.charge(0, MS * 20);
        }
        assert!(!shop.is_due(0));
        shop.now += WINDOW * 2;
        assert!(shop.is_due(0));
    }

    #[test]
    fn the_clock_does_not_go_back_when_more_become_active() {
        let mut shop = Shop::<201>::new();
        let mut time = Duration::ZERO;
        for step in 0..2000 {
            shop.now += MS;
            // A modest one all the time, and now and then a rush.
            if step % 47 == 0 {
                shop.charge(0, MS);
            }
            if step % 500 == 85 {
                (1..201).for_each(|tenant| shop.charge(tenant, MS / 10));
            }
            let later = shop.clock.time(shop.now);
            assert!(later >= time, "{step}: {time:?}, then {later:?}");
            time = later;
            assert!(shop.is_due(0), "{step}");
        }
    }

    #[test]
    fn who_is_counted_makes_the_others_shares_smaller() {
        let mut shop = Shop::<2>::new();
        for _ in 0..1000 {
            shop.now += MS;
            let [greedy, behind] = &mut shop.spent;
            if shop.clock.begin_window(shop.now) {
                shop.clock.count(behind, shop.now);
            }
            shop.clock.charge(greedy, MS * 2, shop.now);
        }
        assert!(!shop.is_due(0));
        assert!(shop.is_due(1));
    }
}
