//! The service: the state that all request threads share, and the settings it was started with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;

use crate::access_log::{Facts, Log};
use crate::admission::{Admission, Lane};
use crate::catalog::{Catalog, Endpoint};
use crate::http1::{self, Head};
use crate::load::{Held, Load, UNCOUNTED};
use crate::metrics::Metrics;
use crate::observer::Observer;
use crate::rate::{Bucket, Fill};
use crate::record::Record;
use crate::{CatalogError, CloseReason, Fault, Limit, Quota, RequestId, Tenant, Tls};

/// How many requests may run at once, at the most: each has a thread.
pub(crate) const MAX_CONCURRENT_REQUESTS: usize = 10_000;

/// The deadlines of a connection. Each counts from when its stage began: one byte now
/// and then keeps nothing alive. Only bodies and responses get more time as they move, and
/// no more than 16 KiB a second would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the head of a request: of the first from when its client was accepted, of others
    /// from their first byte.
    pub head: Duration,
    /// For the body of a request, from when its head was complete, and from the last time
    /// that some of it came.
    pub body: Duration,
    /// For a response to be sent, and from the last time that some of it went.
    pub write: Duration,
    /// For a complete request to wait in line for room to run.
    pub queue: Duration,
    /// For a client to stop sending when it has been answered.
    pub drain: Duration,
}

impl Default for Timeouts {
    /// 10 seconds for the head, in line and to stop sending, 30 for the body and the
    /// response. To the last two comes a second for every 16 KiB that has been moved.
    fn default() -> Self {
        Timeouts {
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            write: Duration::from_secs(30),
            queue: Duration::from_secs(10),
            drain: Duration::from_secs(10),
        }
    }
}

/// Connections that persist over several requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// How long a connection may be idle between two requests.
    pub idle: Duration,
    /// How many requests a connection may have.
    pub max_requests: u32,
}

impl Default for KeepAlive {
    /// 15 seconds, 10 000 requests.
    fn default() -> Self {
        KeepAlive { idle: Duration::from_secs(15), max_requests: 10_000 }
    }
}

/// How a server is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// The sizes of a request.
    pub(crate) limits: http1::Limits,
    /// How long each stage may last.
    pub(crate) timeouts: Timeouts,
    /// Whether connections persist.
    pub(crate) keep_alive: Option<KeepAlive>,
    /// How many connections there may be.
    pub(crate) max_connections: usize,
    /// How many bytes of requests and responses they may hold in sum.
    pub(crate) max_buffered: usize,
    /// Whether clients and handlers are told the ids of requests.
    pub(crate) request_ids: bool,
}

/// What is kept for an operator to see.
pub(crate) struct Records {
    pub(crate) metrics: Metrics,
    /// The log of requests.
    pub(crate) access_log: Option<Log>,
    /// Whether tenants have journals.
    pub(crate) journals: bool,
    /// Who is told of each request.
    pub(crate) observer: Option<Observer>,
}

/// What all request threads share.
pub(crate) struct Service {
    pub(crate) catalog: ArcSwap<Catalog>,
    pub(crate) settings: Settings,
    /// What is spoken with clients that come, if not plain HTTP.
    pub(crate) tls: ArcSwapOption<Tls>,
    pub(crate) admission: Arc<Admission>,
    /// What all tenants together may have.
    pub(crate) quota: Quota,
    /// Holds the lanes of all tenants.
    pub(crate) root_lane: Lane,
    /// What all connections together hold.
    pub(crate) load: Arc<Load>,
    pub(crate) metrics: Metrics,
    pub(crate) access_log: Option<Log>,
    journals: bool,
    observer: Option<Observer>,
    /// Held while a catalog takes the place of the one that it was made from.
    replacing: Mutex<()>,
    /// Set when the server begins to stop: connections no longer persist.
    pub(crate) stopping: AtomicBool,
    /// Set while some handlers are still being compiled.
    pub(crate) loading: AtomicBool,
    /// How many clients can be told now to try again later.
    refusals: Mutex<Bucket>,
    next_id: AtomicU64,
}

impl Service {
    pub(crate) fn new(
        tenants: Vec<Tenant>,
        settings: Settings,
        quota: Quota,
        records: Records,
    ) -> Result<Service, CatalogError> {
        // Two runs of a server should not give the same names.
        let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let next_id = AtomicU64::new((start.as_micros() as u64) << 12);
        let (load, stopping) = (Arc::default(), AtomicBool::new(false));
        let (admission, root_lane) = Admission::new(quota);
        let Records { metrics, access_log, journals, observer } = records;
        let catalog = Catalog::new(tenants, &admission, &root_lane, &metrics, None)?;
        catalog.settle(journals);
        Ok(Service {
            catalog: ArcSwap::from_pointee(catalog),
            settings,
            tls: ArcSwapOption::empty(),
            admission,
            quota,
            root_lane,
            load,
            metrics,
            access_log,
            journals,
            observer,
            replacing: Mutex::default(),
            stopping,
            loading: AtomicBool::new(false),
            refusals: Mutex::default(),
            next_id,
        })
    }

    /// Serves other tenants from now on. Requests whose heads have been read keep their
    /// endpoints.
    pub(crate) fn replace(&self, tenants: Vec<Tenant>) -> Result<(), CatalogError> {
        let _alone = self.replacing.lock();
        let before = self.catalog.load();
        let Service { admission, root_lane, metrics, .. } = self;
        let catalog = Catalog::new(tenants, admission, root_lane, metrics, Some(&before))
            .inspect_err(|_| metrics.reloads.count_failed())?;
        before.retire();
        catalog.settle(self.journals);
        self.catalog.store(Arc::new(catalog));
        // That the rest of a start has come is no reload.
        if !self.loading.load(Ordering::Relaxed) {
            metrics.reloads.count_done();
        }
        Ok(())
    }

    /// The limits of a request, given its endpoint once that is known.
    pub(crate) fn limits(&self, endpoint: Option<&Endpoint>) -> http1::Limits {
        let mut limits = self.settings.limits;
        if let Some(bytes) = endpoint.and_then(|endpoint| endpoint.max_body_size) {
            limits.body_bytes = bytes;
        }
        limits
    }

    /// Counts and logs a request.
    pub(crate) fn record(&self, record: &Record<'_>) {
        record.log();
        self.metrics.count(record);
        if let Some(observer) = &self.observer {
            observer.tell(&record.outcome);
        }
        let journal = record.endpoint.and_then(|endpoint| endpoint.origin.account.journal());
        if self.access_log.is_some() || journal.is_some() {
            let facts = Facts::of(record);
            if let Some(log) = &self.access_log {
                log.write(&facts);
            }
            if let Some(journal) = journal {
                journal.enter(&facts);
            }
        }
    }

    /// Whether anybody is told what the heads of requests say that are not handled.
    pub(crate) fn records_heads(&self) -> bool {
        self.access_log.is_some()
            || self.journals
            || self.observer.is_some()
            || self.settings.request_ids
    }

    pub(crate) fn next_id(&self) -> RequestId {
        RequestId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Why clients should rather be sent elsewhere, if they should.
    pub(crate) fn unready(&self) -> Option<&'static str> {
        let stopping = self.stopping.load(Ordering::Relaxed);
        let loading = self.loading.load(Ordering::Relaxed);
        stopping.then_some("stopping").or(loading.then_some("loading"))
    }

    /// Counts what it takes to refuse a client. Says whether that is no more than may be.
    pub(crate) fn may_refuse(&self, amount: f64, most: Fill, now: Instant) -> bool {
        let mut refusals = self.refusals.lock();
        refusals.try_take(amount, most, now)
    }

    /// Whether all connections may hold what they do, and those for an endpoint.
    pub(crate) fn is_within_buffers(&self, endpoint: Option<&Endpoint>) -> bool {
        let free = self.settings.max_buffered.checked_sub(self.load.bytes());
        let account = endpoint.map_or(self.load.nobody(), |it| &it.origin.account);
        free.is_some_and(|free| account.may_buffer(free))
    }

    /// Whether connections hold more than half of what they may.
    pub(crate) fn is_short_of_buffers(&self) -> bool {
        self.load.bytes() > self.settings.max_buffered / 2
    }

    /// Counts so many bytes more for an endpoint, if they are so many that they are counted.
    ///
    /// # Errors
    ///
    /// [`Limit::Buffered`] if there is no room for them.
    pub(crate) fn reserve(
        &self,
        bytes: usize,
        endpoint: Option<&Endpoint>,
    ) -> Result<Option<Held>, Fault> {
        if bytes <= UNCOUNTED {
            return Ok(None);
        }
        let account = endpoint.map(|endpoint| Arc::clone(&endpoint.origin.account));
        // Counted first: of two who ask at once, both cannot have the same room.
        let held = Held::new(&self.load, account, bytes);
        if self.is_within_buffers(endpoint) {
            Ok(Some(held))
        } else {
            Err(Fault::no_room(Limit::Buffered))
        }
    }

    /// Why a connection on which `answered` requests went before must be closed after
    /// this one, if it must.
    pub(crate) fn close_reason(&self, head: &Head<'_>, answered: u32) -> Option<CloseReason> {
        let Some(keep_alive) = self.settings.keep_alive else {
            return Some(CloseReason::OneRequest);
        };
        if self.stopping.load(Ordering::Relaxed) {
            return Some(CloseReason::Stopping);
        }
        let capped = answered.saturating_add(1) >= keep_alive.max_requests;
        CloseReason::of(head).or(capped.then_some(CloseReason::RequestCap))
    }
}
