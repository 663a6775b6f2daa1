//! What is said of a request.

use std::net::IpAddr;

use serde::Serialize;

use super::Time;
use crate::record::Record;
use crate::words::Word;
use crate::{Cost, Limit, Outcome, RequestId, request_id};

/// What is said of a request. The words of clients are as they came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts<'a> {
    pub(crate) tenant: Option<&'a str>,
    pub(crate) route: Option<&'a str>,
    /// The client's name for the request, if it has an acceptable one.
    pub(crate) request_id: Option<&'a str>,
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) protocol: &'a str,
    pub(crate) referer: Option<&'a str>,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) figures: Figures,
}

/// What needs no text. Times are in microseconds, all others in bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) time: Time,
    pub(crate) client: Option<IpAddr>,
    pub(crate) request: RequestId,
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    /// The limit that the request met, where the reason leaves more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<&'static str>,
    pub(crate) received: usize,
    pub(crate) sent: usize,
    pub(crate) total_us: u64,
    pub(crate) queue_us: u64,
    pub(crate) instantiate_us: u64,
    pub(crate) guest_us: u64,
    pub(crate) cpu_us: u64,
    pub(crate) memory: usize,
}

impl Figures {
    /// What lines of both formats end with, by name.
    pub(super) fn numbers(&self) -> [(&'static str, u64); 7] {
        [
            ("received", self.received as u64),
            ("total_us", self.total_us),
            ("queue_us", self.queue_us),
            ("instantiate_us", self.instantiate_us),
            ("guest_us", self.guest_us),
            ("cpu_us", self.cpu_us),
            ("memory", self.memory as u64),
        ]
    }
}

impl<'a> Facts<'a> {
    pub(crate) fn of(record: &Record<'a>) -> Facts<'a> {
        let Outcome { tenant, route, method, target, .. } = record.outcome;
        let mut facts = Facts {
            tenant,
            route,
            method: method.unwrap_or_default(),
            target: target.unwrap_or_default(),
            figures: Figures::of(&record.outcome),
            ..Facts::default()
        };
        if let Some(head) = record.head {
            facts.protocol = head.protocol;
            facts.request_id = request_id::of(&head.headers);
            for (name, value) in &head.headers {
                if name.eq_ignore_ascii_case("referer") {
                    facts.referer = Some(value);
                } else if name.eq_ignore_ascii_case("user-agent") {
                    facts.user_agent = Some(value);
                }
            }
        }
        facts
    }
}

impl Figures {
    fn of(outcome: &Outcome<'_>) -> Figures {
        let microseconds = |time: std::time::Duration| u64::try_from(time.as_micros());
        let microseconds = |time| microseconds(time).unwrap_or(u64::MAX);
        let Cost { instantiate, guest, cpu, memory } = outcome.cost;
        Figures {
            time: Time::now(),
            client: outcome.client,
            request: outcome.id,
            status: outcome.status,
            reason: outcome.reason.word(),
            limit: outcome.limit.map(Limit::word),
            received: outcome.received,
            sent: outcome.sent,
            total_us: microseconds(outcome.total),
            queue_us: microseconds(outcome.queued.unwrap_or_default()),
            instantiate_us: microseconds(instantiate),
            guest_us: microseconds(guest),
            cpu_us: microseconds(cpu),
            memory,
        }
    }
}

#[cfg(test)]
impl Facts<'static> {
    /// All that can be known of a request.
    pub(super) fn known() -> Facts<'static> {
        let figures = Figures {
            client: Some([127, 0, 0, 1].into()),
            request: RequestId(0xabc),
            status: 200,
            reason: "answered",
            received: 3,
            sent: 12,
            total_us: 71,
            queue_us: 1,
            instantiate_us: 9,
            guest_us: 24,
            cpu_us: 33,
            memory: 65536,
            ..Figures::default()
        };
        Facts {
            tenant: Some("acme"),
            route: Some("/..."),
            request_id: Some("a-1"),
            method: "GET",
            target: "/a?b",
            protocol: "HTTP/1.1",
            referer: Some("http://x/"),
            user_agent: Some("curl/8"),
            figures,
        }
    }
}
