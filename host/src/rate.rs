//! A rate: how often something may happen, with a burst.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many requests may come in a second, on average, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// On average, in a second; more than 0.
    pub per_second: f64,
    /// At once, after a pause; at least 1.
    pub burst: u32,
}

/// What is left of a rate (the generic cell rate algorithm: all that must be known is
/// when the last token, if they were given out evenly, would be back).
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    full_at: Option<Instant>,
}

impl Bucket {
    /// Whether there is a token. There always is without a rate.
    pub(crate) fn has_token(&self, rate: Option<Rate>, now: Instant) -> bool {
        let (Some(rate), Some(full_at)) = (rate, self.full_at) else { return true };
        let missing = full_at.saturating_duration_since(now);
        missing + interval(rate) <= interval(rate).saturating_mul(rate.burst.max(1))
    }

    /// Takes a token.
    pub(crate) fn take_token(&mut self, rate: Option<Rate>, now: Instant) {
        let Some(rate) = rate else { return };
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now));
        self.full_at = full_at.checked_add(interval(rate)).or(self.full_at);
    }
}

/// Something that may be said once in a while, however often it happens.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether it may be said now, if not within `pause` after the last time.
    pub(crate) fn may(&self, pause: Duration) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|last| last.elapsed() >= pause);
        if may {
            *last = Some(Instant::now());
        }
        may
    }
}

fn interval(rate: Rate) -> Duration {
    Duration::try_from_secs_f64(rate.per_second.recip()).unwrap_or(Duration::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_followed_by_the_rate() {
        let rate = Some(Rate { per_second: 10.0, burst: 3 });
        let mut bucket = Bucket::default();
        let start = Instant::now();
        let mut taken = |at: u64| {
            let now = start + Duration::from_millis(at);
            let has = bucket.has_token(rate, now);
            if has {
                bucket.take_token(rate, now);
            }
            has
        };
        assert_eq!([0, 0, 0, 0, 99].map(&mut taken), [true, true, true, false, false]);
        assert_eq!(
            [100, 100, 1000, 1000, 1000, 1000].map(&mut taken),
            [true, false, true, true, true, false]
        );
    }

    #[test]
    fn without_a_rate_there_is_no_end() {
        let mut bucket = Bucket::default();
        for _ in 0..1000 {
            assert!(bucket.has_token(None, Instant::now()));
            bucket.take_token(None, Instant::now());
        }
    }

    #[test]
    fn a_rate_of_next_to_nothing_does_not_overflow() {
        let rate = Some(Rate { per_second: f64::MIN_POSITIVE, burst: u32::MAX });
        let mut bucket = Bucket::default();
        assert!(bucket.has_token(rate, Instant::now()));
        bucket.take_token(rate, Instant::now());
        bucket.has_token(rate, Instant::now());
    }
}
