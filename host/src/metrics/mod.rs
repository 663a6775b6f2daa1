//! What a server counts, for whoever looks.
//!
//! A request is counted by its endpoint's tally and its tenant's, which the catalog holds
//! ready: nothing is looked up, and nobody waits. Tallies go on over reloads, and end with
//! their tenant or route. A [`page()`] of all of them is made when it is asked for; a
//! [`window`] tells what the last minute was like.

mod histogram;
mod counts;
mod tally;
mod series;
mod page;
mod process;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use crate::guest::CacheUse;
use crate::record::Record;

use counts::{ByCloseReason, ByReason};
use histogram::Histogram;
pub(crate) use histogram::{BOUNDS, Times};
pub(crate) use page::{page, seconds};
pub(crate) use process::resident_bytes;
pub(crate) use series::{OTHERS, Series};
pub(crate) use tally::{RouteTally, TenantTally};
pub(crate) use window::{Sample, Sampler};

/// What a server counts beside what its catalog does.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// When the server was made, by both clocks.
    pub(crate) started: (SystemTime, Instant),
    /// All tenants that have no series of their own.
    pub(crate) other_tenants: Arc<TenantTally>,
    /// How long all requests for routes took, those of tenants that are gone among them.
    pub(crate) latency: Histogram,
    /// All routes that have no series of their own.
    pub(crate) other_routes: Arc<RouteTally>,
    /// The requests that were for nobody.
    pub(crate) unrouted: ByReason,
    /// The connections that were closed.
    pub(crate) closed: ByCloseReason,
    pub(crate) reloads: Reloads,
    /// The cache that the server's components are loaded from, if it is known.
    pub(crate) cache: Option<Arc<CacheUse>>,
}

/// Counts of reloads.
#[derive(Debug, Default)]
pub(crate) struct Reloads {
    done: AtomicU64,
    failed: AtomicU64,
}

impl Reloads {
    pub(crate) fn count_done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was done, and how often it failed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

impl Metrics {
    pub(crate) fn new(cache: Option<Arc<CacheUse>>) -> Metrics {
        Metrics {
            started: (SystemTime::now(), Instant::now()),
            other_tenants: Arc::default(),
            latency: Histogram::default(),
            other_routes: Arc::default(),
            unrouted: ByReason::default(),
            closed: ByCloseReason::default(),
            reloads: Reloads::default(),
            cache,
        }
    }

    /// Counts a request.
    pub(crate) fn count(&self, record: &Record<'_>) {
        match record.endpoint {
            Some(endpoint) => {
                endpoint.tally.count(&record.outcome);
                endpoint.tenant_tally.count(&record.outcome);
                self.latency.count(record.outcome.total);
            }
            None => self.unrouted.count(record.outcome.reason),
        }
    }
}
