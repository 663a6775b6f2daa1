//! All that is counted, as a page in the text format of OpenMetrics, which Prometheus
//! reads.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::histogram::Histogram;
use super::process::Process;
use super::{Metrics, OTHERS, RouteTally, TenantTally};
use crate::catalog::Catalog;
use crate::service::Service;
use crate::words::Word;
use crate::{Reason, Tls};

/// The page of this moment.
pub(crate) fn page(service: &Arc<Service>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Process));
    let page = Page { service: Arc::clone(service) };
    registry.sub_registry_with_prefix("picohttp").register_collector(Box::new(page));
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ = encode(&mut page, &registry);
    page
}

struct Page {
    service: Arc<Service>,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let catalog = self.service.catalog.load();
        let rows = Rows::new(&catalog, &self.service.metrics);
        rows.encode_routes(&mut encoder)?;
        rows.encode_tenants(&mut encoder)?;
        self.encode_server(&mut encoder)
    }
}

impl Page {
    /// What belongs to no tenant.
    fn encode_server(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let Service { metrics, load, settings, .. } = self.service.as_ref();
        let text = "Requests for no route, by reason";
        counters(encoder, "unrouted_requests", text, by("reason", metrics.unrouted.by_word()))?;
        gauge(encoder, "connections", "Connections that are open", load.connections())?;
        gauge(encoder, "max_connections", "Connection limit", settings.max_connections)?;
        if let (Some(most), _) = self.service.quota.bounds() {
            let text = "Limit of requests that run, of all tenants together";
            gauge(encoder, "max_concurrent_requests", text, most)?;
        }
        let text = "Connections that were closed, by reason";
        counters(encoder, "closed_connections", text, by("reason", metrics.closed.by_word()))?;
        let text = "Bytes of large requests and responses held in memory";
        gauge(encoder, "buffered_bytes", text, load.bytes())?;
        gauge(encoder, "max_buffered_bytes", "Limit of buffered bytes", settings.max_buffered)?;
        let (done, failed) = metrics.reloads.counts();
        let reloads = [("done", done), ("failed", failed)];
        let text = "Reloads, by result";
        counters(encoder, "reloads", text, by("result", reloads))?;
        if let Some(cache) = &metrics.cache {
            let uses = cache.counts();
            let text = "Component loads: cache hits, cache misses, and compilations";
            counters(encoder, "component_loads", text, by("result", uses))?;
        }
        if let Some(log) = &self.service.access_log {
            let text = "Access log lines dropped because they were not written in time";
            encoder
                .encode_descriptor("access_log_dropped_lines", text, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&log.dropped(), None)?;
        }
        let tls = self.service.tls.load();
        if let Some(validity) = tls.as_deref().and_then(Tls::validity) {
            let text = "Last moment of the TLS certificate, in seconds since the epoch";
            gauge(encoder, "certificate_not_after_seconds", text, seconds(validity.not_after))?;
        }
        let version = [([("version", env!("CARGO_PKG_VERSION"))], 1_u64)];
        gauges(encoder, "build_info", "Version of this host", version)?;
        let (started, _) = metrics.started;
        let text = "Start time, in seconds since the epoch";
        gauge(encoder, "start_time_seconds", text, seconds(started))
    }
}

/// Everyone who has a series.
struct Rows<'a> {
    tenants: Vec<TenantRow<'a>>,
    routes: Vec<RouteRow<'a>>,
}

struct TenantRow<'a> {
    name: &'a str,
    tally: &'a TenantTally,
    running: usize,
    waiting: usize,
    memory: usize,
    dropped: u64,
    unavailable: usize,
    /// Those who share a series have no bounds together.
    max_running: Option<usize>,
    max_waiting: Option<usize>,
    max_memory: Option<usize>,
}

struct RouteRow<'a> {
    labels: [(&'static str, &'a str); 2],
    tally: &'a RouteTally,
}

impl<'a> Rows<'a> {
    fn new(catalog: &'a Catalog, metrics: &'a Metrics) -> Rows<'a> {
        let mut others = TenantRow {
            name: OTHERS,
            tally: &metrics.other_tenants,
            running: 0,
            waiting: 0,
            memory: 0,
            dropped: 0,
            unavailable: 0,
            max_running: None,
            max_waiting: None,
            max_memory: None,
        };
        let (mut tenants, mut routes) = (Vec::new(), Vec::new());
        let mut has_others = false;
        for served in catalog.tenants() {
            let name = served.account.name.as_str();
            let (running, waiting) = served.lane.occupancy();
            let (memory, dropped) = (served.account.memory(), served.account.dropped());
            if served.shares_series(metrics) {
                has_others = true;
                others.running += running;
                others.waiting += waiting;
                others.memory += memory;
                others.dropped += dropped;
                others.unavailable += served.unavailable();
                continue;
            }
            let (max_running, max_waiting) = served.totals.quota.bounds();
            tenants.push(TenantRow {
                name,
                tally: &served.tally,
                running,
                waiting,
                memory,
                dropped,
                unavailable: served.unavailable(),
                max_running,
                max_waiting,
                max_memory: served.totals.max_memory,
            });
            for endpoint in &served.endpoints {
                if !Arc::ptr_eq(&endpoint.tally, &metrics.other_routes) {
                    let labels = [("tenant", name), ("route", endpoint.origin.route())];
                    routes.push(RouteRow { labels, tally: &endpoint.tally });
                }
            }
        }
        if has_others {
            tenants.push(others);
        }
        if metrics.other_routes.counts().next().is_some() {
            let labels = [("tenant", OTHERS), ("route", OTHERS)];
            routes.push(RouteRow { labels, tally: &metrics.other_routes });
        }
        Rows { tenants, routes }
    }

    fn encode_routes(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let requests = self.routes.iter().flat_map(|row| {
            let [tenant, route] = row.labels;
            row.tally.counts().map(move |(status, reason, count)| {
                ([tenant, route, ("status", status), ("reason", reason.word())], count)
            })
        });
        counters(encoder, "requests", "Requests, by tenant, route, status and reason", requests)?;
        let bytes = |which: fn((u64, u64)) -> u64| {
            self.routes.iter().map(move |row| (row.labels, which(row.tally.bytes())))
        };
        let received = bytes(|(received, _)| received);
        counters(encoder, "received_bytes", "Bytes of request bodies", received)?;
        counters(encoder, "sent_bytes", "Bytes of response bodies", bytes(|(_, sent)| sent))
    }

    fn encode_tenants(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kills =
            self.tenants.iter().flat_map(|row| {
                row.tally.by_reason.counts().filter(|(reason, _)| is_kill(*reason)).map(
                    |(reason, count)| ([("tenant", row.name), ("reason", reason.word())], count),
                )
            });
        counters(encoder, "kills", "Guests that trapped or were killed, by reason", kills)?;
        let limited = self.tenants.iter().flat_map(|row| {
            let counts = row.tally.by_limit.by_word();
            counts.map(|(limit, count)| ([("tenant", row.name), ("limit", limit)], count))
        });
        let text = "Requests that were refused or killed, by the limit that they met";
        counters(encoder, "limited_requests", text, limited)?;
        for (name, text, of) in HISTOGRAMS {
            let mut encoder = encoder.encode_descriptor(name, text, None, MetricType::Histogram)?;
            for row in &self.tenants {
                let times = of(row.tally).times();
                // An empty one is twenty lines that say nothing.
                if times.count() > 0 {
                    times.encode(encoder.encode_family(&[("tenant", row.name)])?)?;
                }
            }
        }
        for (name, text, of) in GAUGES {
            let rows = self.tenants.iter();
            let rows = rows.filter_map(|row| Some(([("tenant", row.name)], of(row)?)));
            gauges(encoder, name, text, rows)?;
        }
        let dropped = self.tenants.iter().map(|row| ([("tenant", row.name)], row.dropped));
        let text = "Bytes of guest output dropped from the log";
        counters(encoder, "guest_log_dropped_bytes", text, dropped)
    }
}

/// Whether a guest was ended before it answered.
fn is_kill(reason: Reason) -> bool {
    matches!(reason, Reason::Trap | Reason::OutOfMemory | Reason::Timeout)
}

/// A family of series: its name, what it is, and where to find it.
type Latency = (&'static str, &'static str, fn(&TenantTally) -> &Histogram);
type Level = (&'static str, &'static str, fn(&TenantRow<'_>) -> Option<usize>);

const HISTOGRAMS: [Latency; 5] = [
    ("request_seconds", "Time from a request's first byte until its response is ready", |it| {
        &it.total
    }),
    ("queue_seconds", "Time that complete requests waited in the queue", |it| &it.queue),
    ("instantiate_seconds", "Time to instantiate a component", |it| &it.instantiate),
    ("guest_seconds", "Time that guests ran", |it| &it.guest),
    ("guest_cpu_seconds", "CPU time of guests", |it| &it.cpu),
];

const GAUGES: [Level; 7] = [
    ("running_requests", "Requests that run now", |row| Some(row.running)),
    ("waiting_requests", "Requests in the queue", |row| Some(row.waiting)),
    ("memory_bytes", "Memory of live instances, in bytes", |row| Some(row.memory)),
    ("unavailable_routes", "Routes whose handlers are not there", |row| Some(row.unavailable)),
    ("max_running_requests", "Limit of requests that run", |row| row.max_running),
    ("max_waiting_requests", "Limit of the queue", |row| row.max_waiting),
    ("max_memory_bytes", "Limit of instances' memory, in bytes", |row| row.max_memory),
];

/// Since 1970.
pub(crate) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Values by the values of one label.
fn by<T>(
    label: &'static str,
    values: impl IntoIterator<Item = (&'static str, T)>,
) -> impl Iterator<Item = ([(&'static str, &'static str); 1], T)> {
    values.into_iter().map(move |(value, count)| ([(label, value)], count))
}

fn counters<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    text: &str,
    rows: impl IntoIterator<Item = (L, impl EncodeCounterValue)>,
) -> fmt::Result {
    let mut encoder = encoder.encode_descriptor(name, text, None, MetricType::Counter)?;
    for (labels, value) in rows {
        let mut row = encoder.encode_family(&labels)?;
        row.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
    }
    Ok(())
}

fn gauges<L: EncodeLabelSet>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    text: &str,
    rows: impl IntoIterator<Item = (L, impl EncodeGaugeValue)>,
) -> fmt::Result {
    let mut encoder = encoder.encode_descriptor(name, text, None, MetricType::Gauge)?;
    for (labels, value) in rows {
        encoder.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

pub(super) fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    text: &str,
    value: impl EncodeGaugeValue,
) -> fmt::Result {
    encoder.encode_descriptor(name, text, None, MetricType::Gauge)?.encode_gauge(&value)
}
