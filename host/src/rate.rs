//! A rate: how often something may happen, with a burst.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How much may be missing for what does not come out even: times are whole nanoseconds.
const ROUNDING: f64 = 1e-6;

/// How many requests may come in a second, on average, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// On average, in a second; more than 0.
    pub per_second: f64,
    /// At once, after a pause; at least 1.
    pub burst: u32,
}

impl From<Rate> for Fill {
    fn from(rate: Rate) -> Self {
        Fill { per_second: rate.per_second, most: rate.burst.into() }
    }
}

/// How a bucket is filled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fill {
    /// How much comes in a second.
    pub(crate) per_second: f64,
    /// How much there can be.
    pub(crate) most: f64,
}

/// Something of which there is more as time goes by (a token bucket). It begins full.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// What was missing when something was taken last, and when that was.
    missing: Option<(f64, Instant)>,
}

impl Bucket {
    /// Whether there is so much in it.
    pub(crate) fn has(&self, amount: f64, fill: Fill, now: Instant) -> bool {
        self.missing(fill, now) + amount <= fill.most + ROUNDING
    }

    /// How long it takes until there is so much in it.
    pub(crate) fn wait(&self, amount: f64, fill: Fill, now: Instant) -> Duration {
        let lacking = (self.missing(fill, now) + amount - fill.most).max(0.0);
        Duration::try_from_secs_f64(lacking / fill.per_second).unwrap_or(Duration::MAX)
    }

    /// Takes so much out of it, whether it is there or not. Of several who look at the clock
    /// and then take turns, one may come with an earlier time than the one before.
    pub(crate) fn take(&mut self, amount: f64, fill: Fill, now: Instant) {
        let at = self.missing.map_or(now, |(_, at)| at.max(now));
        self.missing = Some((self.missing(fill, at) + amount, at));
    }

    /// Takes so much out of it if it is there.
    pub(crate) fn try_take(&mut self, amount: f64, fill: Fill, now: Instant) -> bool {
        let has = self.has(amount, fill, now);
        if has {
            self.take(amount, fill, now);
        }
        has
    }

    fn missing(&self, fill: Fill, now: Instant) -> f64 {
        self.missing.map_or(0.0, |(missing, at)| {
            let more = now.saturating_duration_since(at).as_secs_f64() * fill.per_second;
            (missing.min(fill.most) - more).max(0.0)
        })
    }
}

/// Something that may be said once in a while, however often it happens.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether it may be said now, if not within `pause` after the last time.
    pub(crate) fn may(&self, pause: Duration) -> bool {
        let mut last = self.0.lock();
        let may = last.is_none_or(|last| last.elapsed() >= pause);
        if may {
            *last = Some(Instant::now());
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_followed_by_the_rate() {
        let fill = Fill::from(Rate { per_second: 10.0, burst: 3 });
        let mut bucket = Bucket::default();
        let start = Instant::now();
        let mut taken = |at: u64| bucket.try_take(1.0, fill, start + Duration::from_millis(at));
        assert_eq!([0, 0, 0, 0, 99].map(&mut taken), [true, true, true, false, false]);
        assert_eq!(
            [100, 100, 1000, 1000, 1000, 1000].map(&mut taken),
            [true, false, true, true, true, false]
        );
    }

    #[test]
    fn what_comes_evenly_is_never_too_much() {
        let fill = Fill::from(Rate { per_second: 3.0, burst: 1 });
        let (mut bucket, start) = (Bucket::default(), Instant::now());
        let third = |number: u32| start + Duration::from_secs(1) * number / 3;
        assert!((0..10_000).all(|number| bucket.try_take(1.0, fill, third(number))));
    }

    #[test]
    fn who_comes_with_an_earlier_time_brings_nothing_back() {
        let fill = Fill::from(Rate { per_second: 10.0, burst: 1 });
        let (mut bucket, start) = (Bucket::default(), Instant::now());
        let later = start + Duration::from_secs(1);
        assert!(bucket.try_take(1.0, fill, later));
        assert!(!bucket.try_take(1.0, fill, start));
        bucket.take(0.0, fill, start);
        assert!(!bucket.try_take(1.0, fill, later));
    }

    #[test]
    fn another_burst_counts_at_once() {
        let fill = |burst| Fill::from(Rate { per_second: 1.0, burst });
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        assert!(bucket.try_take(2.0, fill(2), now));
        assert!(!bucket.has(1.0, fill(2), now));
        assert!(bucket.has(98.0, fill(100), now));
        bucket.take(98.0, fill(100), now);
        assert!(bucket.has(2.0, fill(2), now + Duration::from_secs(2)));
    }

    #[test]
    fn it_is_known_when_there_will_be_more() {
        let fill = Fill::from(Rate { per_second: 0.25, burst: 2 });
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        bucket.take(2.0, fill, now);
        assert_eq!(bucket.wait(1.0, fill, now), Duration::from_secs(4));
        assert_eq!(bucket.wait(1.0, fill, now + Duration::from_secs(3)), Duration::from_secs(1));
        assert_eq!(bucket.wait(1.0, fill, now + Duration::from_secs(5)), Duration::ZERO);
    }

    #[test]
    fn a_rate_of_next_to_nothing_does_not_overflow() {
        let fill = Fill::from(Rate { per_second: f64::MIN_POSITIVE, burst: u32::MAX });
        let mut bucket = Bucket::default();
        assert!(bucket.try_take(u32::MAX.into(), fill, Instant::now()));
        assert!(!bucket.try_take(1.0, fill, Instant::now()));
        assert_eq!(bucket.wait(1.0, fill, Instant::now()), Duration::MAX);
    }
}
