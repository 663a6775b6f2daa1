//! The state of a server and of all whom it serves, for programs to read: `/status`.
//!
//! With `?routes=NAME` only the tenant of that name is shown with its routes, of which all
//! together there may be very many.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::AdminService;
use super::pages::READY;
use crate::admission::Lane;
use crate::catalog::{Endpoint, Served};
use crate::cpu_time::process_clock;
use crate::metrics::{BOUNDS, Sample, Times, resident_bytes, seconds};
use crate::processors::processors;
use crate::service::Service;
use crate::words::Word;
use crate::{Quota, Tls};

/// Counts by a word.
type Counts = BTreeMap<&'static str, u64>;

/// A server. Times are in seconds; what has no bound is `null`. What is counted, latencies
/// and times on a CPU included, only grows as long as `started` and the tenant are the
/// same: two looks tell what was between them.
#[derive(Serialize)]
pub(super) struct Status {
    version: &'static str,
    /// Since 1970.
    time: f64,
    started: f64,
    uptime: f64,
    ready: bool,
    /// As `/readyz` says: `ready`, `loading` or `stopping`.
    state: &'static str,
    address: String,
    processors: usize,
    /// Of the whole process: its memory that is in RAM, and its time on CPUs.
    resident_bytes: Option<u64>,
    cpu_seconds: f64,
    connections: Connections,
    requests: Occupancy,
    unrouted: Counts,
    closed: Counts,
    reloads: Reloads,
    cache: Option<Counts>,
    access_log: Option<AccessLog>,
    /// The last moment of the TLS certificate.
    certificate_not_after: Option<f64>,
    /// How long the tenants' `recent` is.
    window: f64,
    /// The upper bounds of what `latency` counts, here and in tenants: how many requests
    /// took so long and longer than the bound before. One more count is of all that took
    /// longer still; zeros at the end are left out.
    latency_bounds: Vec<f64>,
    latency: Vec<u64>,
    tenants: Vec<Tenant>,
}

#[derive(Serialize)]
struct Connections {
    open: usize,
    max: usize,
    buffered_bytes: usize,
    max_buffered_bytes: usize,
}

/// Requests that run and that wait, and how many may come in a second.
#[derive(Serialize)]
struct Occupancy {
    running: usize,
    max_running: Option<usize>,
    waiting: usize,
    max_waiting: Option<usize>,
    max_per_second: Option<f64>,
    burst: Option<u32>,
}

#[derive(Serialize)]
struct Reloads {
    done: u64,
    failed: u64,
}

#[derive(Serialize)]
struct AccessLog {
    dropped_lines: u64,
}

#[derive(Serialize)]
struct Tenant {
    name: String,
    hosts: Vec<String>,
    #[serde(flatten)]
    occupancy: Occupancy,
    memory_bytes: usize,
    max_memory_bytes: Option<usize>,
    /// How many routes answer 503, as their handlers are not there.
    unavailable_routes: usize,
    /// By reason, since the tenant was first served; and those of them that met one of several
    /// limits, by that.
    reasons: Counts,
    limits: Counts,
    /// What its guests wrote that did not reach the log.
    log_dropped_bytes: u64,
    latency: Vec<u64>,
    /// Of its guests, each counted when it ends.
    cpu_seconds: f64,
    recent: Recent,
    #[serde(skip_serializing_if = "Option::is_none")]
    routes: Option<Vec<Route>>,
}

/// The last minute, or less if there was less.
#[derive(Serialize)]
struct Recent {
    requests_per_second: f64,
    p50: Option<f64>,
    p99: Option<f64>,
    /// How many processors its guests kept busy.
    cpu_share: f64,
}

#[derive(Serialize)]
struct Route {
    path: String,
    /// Whether its handler is there.
    available: bool,
    #[serde(flatten)]
    occupancy: Occupancy,
    /// If it is not the server's.
    max_body_bytes: Option<u64>,
    reasons: Counts,
    /// By class, like `2xx`.
    statuses: Counts,
    received_bytes: u64,
    sent_bytes: u64,
}

impl Status {
    /// With the routes of all tenants, or only of one.
    pub(super) fn of(admin: &AdminService, routes_of: Option<&[u8]>, now: Instant) -> Status {
        let Service { metrics, load, settings, .. } = admin.service.as_ref();
        let (started, since) = metrics.started;
        let (done, failed) = metrics.reloads.counts();
        let log = admin.service.access_log.as_ref();
        let minute = admin.minute.load();
        let validity = admin.service.tls.load().as_deref().and_then(Tls::validity);
        let unready = admin.service.unready();
        let catalog = admin.service.catalog.load();
        let tenants = catalog.tenants().iter();
        Status {
            version: env!("CARGO_PKG_VERSION"),
            time: seconds(SystemTime::now()),
            started: seconds(started),
            uptime: now.saturating_duration_since(since).as_secs_f64(),
            ready: unready.is_none(),
            state: unready.unwrap_or(READY),
            address: admin.served_at.to_string(),
            processors: processors(),
            resident_bytes: resident_bytes(),
            cpu_seconds: process_clock().as_secs_f64(),
            connections: Connections {
                open: load.connections(),
                max: settings.max_connections,
                buffered_bytes: load.bytes(),
                max_buffered_bytes: settings.max_buffered,
            },
            requests: Occupancy::of(&admin.service.root_lane, admin.service.quota),
            unrouted: metrics.unrouted.by_word().collect(),
            closed: metrics.closed.by_word().collect(),
            reloads: Reloads { done, failed },
            cache: metrics.cache.as_ref().map(|cache| cache.counts().into_iter().collect()),
            access_log: log.map(|log| AccessLog { dropped_lines: log.dropped() }),
            certificate_not_after: validity.map(|validity| seconds(validity.not_after)),
            window: minute.age(now).as_secs_f64(),
            latency_bounds: BOUNDS.iter().map(|&bound| bound as f64 / 1e9).collect(),
            latency: buckets(&metrics.latency.times()),
            tenants: tenants
                .map(|served| {
                    let name = served.account.name.as_bytes();
                    let with_routes = routes_of.is_none_or(|wanted| wanted == name);
                    Tenant::of(served, &admin.service, with_routes, &minute, now)
                })
                .collect(),
        }
    }
}

impl Occupancy {
    fn of(lane: &Lane, quota: Quota) -> Occupancy {
        let (running, waiting) = lane.occupancy();
        let (max_running, max_waiting) = quota.bounds();
        let (max_per_second, burst) = quota.rate.map(|rate| (rate.per_second, rate.burst)).unzip();
        Occupancy { running, max_running, waiting, max_waiting, max_per_second, burst }
    }
}

impl Tenant {
    fn of(
        served: &Served,
        service: &Service,
        with_routes: bool,
        minute: &Sample,
        now: Instant,
    ) -> Tenant {
        let seconds = |time: Duration| time.as_secs_f64();
        // What is counted for many says nothing of one.
        let shared = served.shares_series(&service.metrics);
        let tally = if shared { &Default::default() } else { &served.tally };
        let account = &served.account;
        let (latency, cpu) = (tally.total.times(), tally.cpu.times().sum);
        let recent = minute.recent(&account.name, &latency, cpu, now);
        Tenant {
            name: account.name.clone(),
            hosts: served.hosts.clone(),
            occupancy: Occupancy::of(&served.lane, served.totals.quota),
            memory_bytes: account.memory(),
            max_memory_bytes: served.totals.max_memory,
            unavailable_routes: served.unavailable(),
            reasons: tally.by_reason.by_word().collect(),
            limits: tally.by_limit.by_word().collect(),
            log_dropped_bytes: account.dropped(),
            latency: buckets(&latency),
            cpu_seconds: cpu.as_secs_f64(),
            recent: Recent {
                requests_per_second: recent.rate,
                p50: recent.p50.map(seconds),
                p99: recent.p99.map(seconds),
                cpu_share: recent.cpu_share,
            },
            routes: with_routes.then(|| {
                served.endpoints.iter().map(|endpoint| Route::of(endpoint, service)).collect()
            }),
        }
    }
}

impl Route {
    fn of(endpoint: &Endpoint, service: &Service) -> Route {
        let shared = Arc::ptr_eq(&endpoint.tally, &service.metrics.other_routes);
        let tally = if shared { &Default::default() } else { &endpoint.tally };
        let (mut reasons, mut statuses) = (Counts::new(), Counts::new());
        for (status, reason, count) in tally.counts() {
            *reasons.entry(reason.word()).or_default() += count;
            *statuses.entry(status).or_default() += count;
        }
        let (received_bytes, sent_bytes) = tally.bytes();
        Route {
            path: endpoint.origin.route().to_owned(),
            available: endpoint.handler.is_some(),
            occupancy: Occupancy::of(&endpoint.lane, endpoint.quota),
            max_body_bytes: endpoint.max_body_size,
            reasons,
            statuses,
            received_bytes,
            sent_bytes,
        }
    }
}

fn buckets(times: &Times) -> Vec<u64> {
    let end = times.buckets().iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
    times.buckets().iter().copied().take(end).collect()
}
