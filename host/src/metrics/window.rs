//! What the last minute was like, from samples of tallies that are taken now and then.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::histogram::Times;
use crate::catalog::Served;
use crate::deadline::after;
use crate::service::Service;

/// How often a sample is taken, and how many make a minute.
const PACE: Duration = Duration::from_secs(5);
const SAMPLES: usize = 12;

/// Takes samples, and keeps those of the last minute.
pub(crate) struct Sampler {
    /// When the next one is.
    pub(crate) due: Instant,
    samples: VecDeque<Sample>,
}

/// The tenants' totals at one moment. Tenants that have had no request are not in it.
pub(crate) struct Sample {
    at: Instant,
    tenants: HashMap<String, Totals>,
}

#[derive(Clone, Default)]
struct Totals {
    latency: Times,
    cpu: Duration,
}

/// What a tenant's last minute was like.
#[derive(Debug)]
pub(crate) struct Recent {
    /// Requests in a second.
    pub(crate) rate: f64,
    /// The total time that half of the requests were within, and that 99 of 100 were.
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    /// How many processors were busy with its guests.
    pub(crate) cpu_share: f64,
}

impl Sampler {
    pub(crate) fn new(now: Instant) -> Sampler {
        Sampler { due: after(now, PACE), samples: VecDeque::new() }
    }

    /// Takes a sample if one is due. Returns the one that the last minute begins with from now
    /// on, if it is another.
    pub(crate) fn sample(&mut self, service: &Service, now: Instant) -> Option<Sample> {
        if now < self.due {
            return None;
        }
        self.due = after(now, PACE);
        self.keep(Sample::of(service, now))
    }

    fn keep(&mut self, sample: Sample) -> Option<Sample> {
        self.samples.push_back(sample);
        if self.samples.len() < SAMPLES { None } else { self.samples.pop_front() }
    }
}

impl Sample {
    /// That of a server that has had no request.
    pub(crate) fn empty(at: Instant) -> Sample {
        Sample { at, tenants: HashMap::new() }
    }

    fn of(service: &Service, at: Instant) -> Sample {
        let mut sample = Sample::empty(at);
        let catalog = service.catalog.load();
        let shares = |served: &&Served| served.shares_series(&service.metrics);
        for served in catalog.tenants().iter().filter(|served| !shares(served)) {
            let latency = served.tally.total.times();
            if latency.count() > 0 {
                let totals = Totals { latency, cpu: served.tally.cpu.times().sum };
                sample.tenants.insert(served.account.name.clone(), totals);
            }
        }
        sample
    }

    /// How long ago it was.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.at)
    }

    /// What it has been like for a tenant since, given what it has had by now.
    pub(crate) fn recent(
        &self,
        name: &str,
        latency: &Times,
        cpu: Duration,
        now: Instant,
    ) -> Recent {
        let before = self.tenants.get(name).cloned().unwrap_or_default();
        let seconds = self.age(now).as_secs_f64().max(1e-3);
        let latency = latency.since(&before.latency);
        Recent {
            rate: latency.count() as f64 / seconds,
            p50: latency.quantile(0.5),
            p99: latency.quantile(0.99),
            cpu_share: cpu.saturating_sub(before.cpu).as_secs_f64() / seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::histogram::Histogram;

    #[test]
    fn the_last_minute_begins_with_the_oldest_of_twelve_samples() {
        let start = Instant::now();
        let taken = |number| Sample::empty(start + PACE * number);
        let mut sampler = Sampler::new(start);
        assert!((1..12).all(|number| sampler.keep(taken(number)).is_none()));
        for number in 12..15 {
            let first = sampler.keep(taken(number)).unwrap();
            assert_eq!(first.age(start + PACE * number), PACE * 11);
        }
    }

    #[test]
    fn only_what_came_after_a_sample_is_recent() {
        let (start, latency) = (Instant::now(), Histogram::default());
        let mut sample = Sample::empty(start);
        latency.count(Duration::from_secs(5));
        let totals = Totals { latency: latency.times(), cpu: Duration::from_secs(1) };
        sample.tenants.insert("a".to_owned(), totals);
        latency.count(Duration::from_millis(1));
        let (times, now) = (latency.times(), start + Duration::from_secs(2));
        let recent = |name| sample.recent(name, &times, Duration::from_secs(2), now);
        let (a, b) = (recent("a"), recent("b"));
        assert_eq!((a.rate, a.cpu_share), (0.5, 0.5));
        assert!(a.p99.unwrap() <= Duration::from_millis(1));
        assert_eq!((b.rate, b.cpu_share), (1.0, 1.0));
    }
}
