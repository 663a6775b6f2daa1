//! A histogram of times: counted into by any number of threads, none of which waits.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// The upper bounds of all buckets but the last, in nanoseconds: from ten microseconds to
/// ten seconds. Every second one is for the quantiles alone.
#[rustfmt::skip]
pub(crate) const BOUNDS: [u64; 37] = [
    10_000, 15_000, 20_000, 30_000, 50_000, 70_000,
    100_000, 150_000, 200_000, 300_000, 500_000, 700_000,
    1_000_000, 1_500_000, 2_000_000, 3_000_000, 5_000_000, 7_000_000,
    10_000_000, 15_000_000, 20_000_000, 30_000_000, 50_000_000, 70_000_000,
    100_000_000, 150_000_000, 200_000_000, 300_000_000, 500_000_000, 700_000_000,
    1_000_000_000, 1_500_000_000, 2_000_000_000, 3_000_000_000, 5_000_000_000, 7_000_000_000,
    10_000_000_000,
];

/// How many times there were of each length.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: Buckets<AtomicU64>,
    /// In nanoseconds.
    sum: AtomicU64,
}

#[derive(Debug)]
struct Buckets<T>([T; BOUNDS.len() + 1]);

impl<T: Default> Default for Buckets<T> {
    fn default() -> Self {
        Buckets(std::array::from_fn(|_| T::default()))
    }
}

/// What a histogram held at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    buckets: [u64; BOUNDS.len() + 1],
    pub(crate) sum: Duration,
}

impl Histogram {
    pub(crate) fn count(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|&bound| bound < nanoseconds);
        if let Some(bucket) = self.buckets.0.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn times(&self) -> Times {
        let mut times = Times::default();
        for (copy, bucket) in times.buckets.iter_mut().zip(&self.buckets.0) {
            *copy = bucket.load(Ordering::Relaxed);
        }
        times.sum = Duration::from_nanos(self.sum.load(Ordering::Relaxed));
        times
    }
}

impl Default for Times {
    fn default() -> Self {
        Times { buckets: [0; BOUNDS.len() + 1], sum: Duration::ZERO }
    }
}

impl Times {
    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How many there were within each bound, and over the last.
    pub(crate) fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// Those that have come since an earlier moment.
    pub(crate) fn since(&self, earlier: &Times) -> Times {
        let mut times = self.clone();
        for (bucket, before) in times.buckets.iter_mut().zip(&earlier.buckets) {
            *bucket = bucket.saturating_sub(*before);
        }
        times.sum = self.sum.saturating_sub(earlier.sum);
        times
    }

    /// The time that `share` of all are within, from 0 to 1. Between the bounds of a bucket,
    /// times are taken to be spread evenly; no bucket is known to end after ten seconds.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        let mut left = share * count as f64;
        let mut lower = 0;
        for (&bucket, &upper) in self.buckets.iter().zip(&BOUNDS) {
            if bucket > 0 && left <= bucket as f64 {
                let within = (upper - lower) as f64 * left / bucket as f64;
                return Some(Duration::from_nanos(lower + within as u64));
            }
            left -= bucket as f64;
            lower = upper;
        }
        (count > 0).then(|| Duration::from_nanos(lower))
    }

    /// Writes it as a Prometheus histogram, in seconds.
    pub(crate) fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let mut buckets = Vec::with_capacity(BOUNDS.len() / 2 + 2);
        let mut count = 0;
        for (place, (bucket, bound)) in self.buckets.iter().zip(BOUNDS).enumerate() {
            count += bucket;
            if place % 2 == 0 {
                buckets.push((bound as f64 / 1e9, count));
                count = 0;
            }
        }
        count += self.buckets.last().copied().unwrap_or_default();
        buckets.push((f64::INFINITY, count));
        let sum = self.sum.as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, self.count(), &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(times: impl IntoIterator<Item = Duration>) -> Times {
        let histogram = Histogram::default();
        times.into_iter().for_each(|time| histogram.count(time));
        histogram.times()
    }

    #[test]
    fn bounds_grow_from_ten_microseconds_to_ten_seconds() {
        assert_eq!(BOUNDS.first(), Some(&10_000));
        assert_eq!(BOUNDS.last(), Some(&10_000_000_000));
        assert!(BOUNDS.is_sorted_by(|one, other| one < other));
    }

    #[test]
    fn a_quantile_is_near_the_truth() {
        let times = histogram((1..=1000).map(|time| Duration::from_micros(time * 100)));
        for (share, truth) in [(0.01, 1e-3), (0.5, 0.05), (0.99, 0.099), (1.0, 0.1)] {
            let quantile = times.quantile(share).unwrap().as_secs_f64();
            assert!((truth * 0.8..truth * 1.2).contains(&quantile), "{share}: {quantile}");
        }
        assert_eq!(histogram([]).quantile(0.5), None);
        assert_eq!(histogram([Duration::MAX]).quantile(0.5), Some(Duration::from_secs(10)));
    }

    #[test]
    fn what_came_before_is_not_counted_again() {
        let histogram = Histogram::default();
        histogram.count(Duration::from_secs(1));
        let before = histogram.times();
        histogram.count(Duration::from_millis(1));
        let since = histogram.times().since(&before);
        assert_eq!((since.count(), since.sum), (1, Duration::from_millis(1)));
        assert!(since.quantile(1.0).unwrap() <= Duration::from_millis(1));
    }
}
