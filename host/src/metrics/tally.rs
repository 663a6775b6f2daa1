//! What is counted for one tenant and for one of its routes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::counts::{ByLimit, ByReason};
use super::histogram::Histogram;
use crate::{Outcome, Reason};

/// The classes of statuses: handlers choose three digits as they like, and each would be
/// a series of its own.
const CLASSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "other"];

/// The requests for one route.
#[derive(Debug, Default)]
pub(crate) struct RouteTally {
    by_class: [ByReason; CLASSES.len()],
    received: AtomicU64,
    sent: AtomicU64,
}

impl RouteTally {
    pub(super) fn count(&self, outcome: &Outcome<'_>) {
        let class = match outcome.status / 100 {
            class @ 2..=5 => usize::from(class) - 2,
            _ => CLASSES.len() - 1,
        };
        if let Some(by_reason) = self.by_class.get(class) {
            by_reason.count(outcome.reason);
        }
        self.received.fetch_add(outcome.received as u64, Ordering::Relaxed);
        self.sent.fetch_add(outcome.sent as u64, Ordering::Relaxed);
    }

    /// How many requests had a status of a class, for a reason.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&'static str, Reason, u64)> {
        CLASSES.into_iter().zip(&self.by_class).flat_map(|(class, by_reason)| {
            by_reason.counts().map(move |(reason, count)| (class, reason, count))
        })
    }

    /// How many bytes of bodies came, and how many went.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.received.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed))
    }
}

/// The requests for one tenant.
#[derive(Debug, Default)]
pub(crate) struct TenantTally {
    pub(crate) by_reason: ByReason,
    pub(crate) by_limit: ByLimit,
    pub(crate) total: Histogram,
    pub(crate) queue: Histogram,
    pub(crate) instantiate: Histogram,
    pub(crate) guest: Histogram,
    pub(crate) cpu: Histogram,
}

impl TenantTally {
    pub(super) fn count(&self, outcome: &Outcome<'_>) {
        self.by_reason.count(outcome.reason);
        if let Some(limit) = outcome.limit {
            self.by_limit.count(limit);
        }
        self.total.count(outcome.total);
        if let Some(queued) = outcome.queued {
            self.queue.count(queued);
        }
        // A handler that is no guest costs none of these.
        if outcome.cost.guest > Duration::ZERO {
            self.instantiate.count(outcome.cost.instantiate);
            self.guest.count(outcome.cost.guest);
            self.cpu.count(outcome.cost.cpu);
        }
    }
}
