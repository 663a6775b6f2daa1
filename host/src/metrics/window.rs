//! What the last minute was like, from samples of tallies that are taken now and then.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::histogram::Times;
use crate::catalog::Served;
use crate::service::Service;

/// How often a sample is taken, and how many are kept: a minute of them.
const PACE: Duration = Duration::from_secs(5);
const SAMPLES: usize = 12;

/// A minute of samples.
pub(crate) struct Window {
    began: Instant,
    samples: VecDeque<Sample>,
}

/// The tenants' totals at one moment.
struct Sample {
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

impl Window {
    pub(crate) fn new(now: Instant) -> Window {
        Window { began: now, samples: VecDeque::new() }
    }

    /// When the next sample is due.
    pub(crate) fn due(&self) -> Instant {
        self.samples.back().map_or(self.began, |sample| sample.at) + PACE
    }

    /// Takes a sample. Tenants that have had no request are not in it.
    pub(crate) fn sample(&mut self, service: &Service, now: Instant) {
        let mut tenants = HashMap::new();
        let catalog = service.catalog.load();
        let shares = |served: &&Served| served.shares_series(&service.metrics);
        for served in catalog.tenants().iter().filter(|served| !shares(served)) {
            let latency = served.tally.total.times();
            if latency.count() > 0 {
                let totals = Totals { latency, cpu: served.tally.cpu.times().sum };
                tenants.insert(served.account.name.clone(), totals);
            }
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { at: now, tenants });
    }

    /// How long the window is by now.
    pub(crate) fn length(&self, now: Instant) -> Duration {
        let since = match self.samples.front() {
            Some(sample) if self.samples.len() == SAMPLES => sample.at,
            _ => self.began,
        };
        now.saturating_duration_since(since)
    }

    /// What a tenant's last minute was like, given what it has had by now.
    pub(crate) fn recent(
        &self,
        name: &str,
        latency: &Times,
        cpu: Duration,
        now: Instant,
    ) -> Recent {
        let oldest = self.samples.front().filter(|_| self.samples.len() == SAMPLES);
        let before = oldest.and_then(|sample| sample.tenants.get(name)).cloned();
        let before = before.unwrap_or_default();
        let seconds = self.length(now).as_secs_f64().max(1e-3);
        let latency = latency.since(&before.latency);
        Recent {
            rate: latency.count() as f64 / seconds,
            p50: latency.quantile(0.5),
            p99: latency.quantile(0.99),
            cpu_share: cpu.saturating_sub(before.cpu).as_secs_f64() / seconds,
        }
    }
}
