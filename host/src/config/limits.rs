//! The bounds that a table may set, and which table has the last word.

use std::time::Duration;

use super::plan::RoutePlan;
use super::problem::Problems;
use super::table::{Setting, Table};
use super::units::MEMORY;
use super::value;
use crate::service::MAX_CONCURRENT_REQUESTS;
use crate::{Quota, Rate};

/// The bounds on one request that a table sets, for itself and the tables below it.
#[derive(Default)]
pub(super) struct Limits<'a> {
    timeout: Option<Setting<'a, Duration>>,
    cpu_time: Option<Setting<'a, Duration>>,
    pub(super) max_memory: Option<Setting<'a, usize>>,
    pub(super) max_body_size: Option<Setting<'a, usize>>,
    pub(super) max_response_size: Option<Setting<'a, usize>>,
    max_output: Option<Setting<'a, usize>>,
}

impl<'a> Limits<'a> {
    pub(super) fn read(table: &mut Table<'a>, problems: &mut Problems) -> Limits<'a> {
        Limits {
            timeout: table.take("timeout", problems, value::duration),
            cpu_time: table.take("cpu_time", problems, value::duration),
            max_memory: table.take("max_memory", problems, value::size_in(MEMORY)),
            max_body_size: table.take("max_body_size", problems, value::size),
            max_response_size: table.take("max_response_size", problems, value::size),
            max_output: table.take("max_output", problems, value::size),
        }
    }

    /// Sets those limits of `route` that this table sets.
    pub(super) fn apply(&self, route: &mut RoutePlan) {
        let sandbox = &mut route.sandbox;
        set(&self.timeout, &mut sandbox.timeout);
        set_some(&self.cpu_time, &mut sandbox.cpu_time);
        set(&self.max_memory, &mut sandbox.max_memory);
        if let Some(size) = &self.max_body_size {
            route.max_body_size = size.value as u64;
        }
        set(&self.max_response_size, &mut sandbox.max_response);
        set(&self.max_output, &mut sandbox.max_output);
    }
}

/// The bounds on all requests of a tenant together.
#[derive(Default)]
pub(super) struct Totals<'a> {
    pub(super) max_memory_total: Option<Setting<'a, usize>>,
    pub(super) log_quota: Option<Setting<'a, usize>>,
    pub(super) share: Share<'a>,
}

impl<'a> Totals<'a> {
    pub(super) fn read(table: &mut Table<'a>, problems: &mut Problems) -> Totals<'a> {
        Totals {
            max_memory_total: table.take("max_memory_total", problems, value::size),
            log_quota: table.take("log_quota", problems, value::size),
            share: Share::read(table, problems),
        }
    }
}

/// How many requests there may be, of a tenant or of a route.
#[derive(Default)]
pub(super) struct Share<'a> {
    max_concurrent_requests: Option<Setting<'a, usize>>,
    max_queue: Option<Setting<'a, usize>>,
    requests_per_second: Option<Setting<'a, f64>>,
    burst: Option<Setting<'a, u32>>,
}

impl<'a> Share<'a> {
    pub(super) fn read(table: &mut Table<'a>, problems: &mut Problems) -> Share<'a> {
        Share {
            max_concurrent_requests: table.take(
                "max_concurrent_requests",
                problems,
                value::count(1..=MAX_CONCURRENT_REQUESTS),
            ),
            max_queue: table.take("max_queue", problems, value::count(0..=1_000_000)),
            requests_per_second: table.take("requests_per_second", problems, value::per_second),
            burst: table.take("burst", problems, value::count(1..=u32::MAX)),
        }
    }

    /// Sets what this table, or else `defaults`, sets of `quota`. No count may be over that in
    /// `most`, which is that of `owner`.
    pub(super) fn apply(
        &self,
        quota: &mut Quota,
        defaults: &Share<'_>,
        (owner, most): (&str, Quota),
        problems: &mut Problems,
    ) {
        let mut set = |own: &Option<Setting<'_, usize>>, default, most, count: &mut usize| {
            let Some(Setting { value, place }) = own.as_ref().or(default) else { return };
            if *value > most {
                problems.add(place, format!("is more than the {owner}'s {most}"));
            }
            *count = *value;
        };
        set(
            &self.max_concurrent_requests,
            defaults.max_concurrent_requests.as_ref(),
            most.max_concurrent_requests,
            &mut quota.max_concurrent_requests,
        );
        set(&self.max_queue, defaults.max_queue.as_ref(), most.max_queue, &mut quota.max_queue);
        quota.rate = self.rate(defaults, problems);
    }

    /// The rate that this table sets, or else `defaults`.
    fn rate(&self, defaults: &Share<'_>, problems: &mut Problems) -> Option<Rate> {
        let per_second = either(&self.requests_per_second, &defaults.requests_per_second);
        let burst = either(&self.burst, &defaults.burst);
        let Some(per_second) = per_second else {
            if let Some(burst) = &self.burst {
                problems.add(&burst.place, "needs `requests_per_second`");
            }
            return None;
        };
        // At most a million, see `value::per_second`.
        let burst = burst.unwrap_or((per_second.ceil() as u32).max(1));
        Some(Rate { per_second, burst })
    }
}

/// The value of `own`, or else of `default`.
pub(super) fn either<T: Copy>(
    own: &Option<Setting<'_, T>>,
    default: &Option<Setting<'_, T>>,
) -> Option<T> {
    own.as_ref().or(default.as_ref()).map(|setting| setting.value)
}

fn set<T: Copy>(setting: &Option<Setting<'_, T>>, limit: &mut T) {
    if let Some(setting) = setting {
        *limit = setting.value;
    }
}

fn set_some<T: Copy>(setting: &Option<Setting<'_, T>>, limit: &mut Option<T>) {
    if let Some(setting) = setting {
        *limit = Some(setting.value);
    }
}
