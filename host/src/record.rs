//! What is known of a request once its answer is ready.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use tracing::field::display;
use tracing::{Level, debug, enabled};

use crate::answer::Answer;
use crate::catalog::Endpoint;
use crate::connection::Connection;
use crate::http1::{self, Head, Limits};
use crate::text::{Quoted, quote};
use crate::{Cost, Limit, Reason};

/// The target of what is logged about each request, and what the targets begin with of what is
/// logged about its connection, at the level `debug`.
pub const REQUEST_LOG: &str = "picohttp_host::request";

/// The target of those lines that are about a connection's end.
pub(crate) const CLOSED_LOG: &str = "picohttp_host::request::closed";

/// How much of a client's word the log has use for, in bytes.
pub(crate) const MAX_WORD: usize = 256;

/// One request and its answer, for those who count and log.
pub(crate) struct Record<'a> {
    /// Its client and its name.
    pub(crate) connection: &'a Connection,
    /// What the client said, as far as it is known.
    pub(crate) head: Option<Words<'a>>,
    /// What it was for, if that is known and there is something.
    pub(crate) endpoint: Option<&'a Endpoint>,
    /// How many bytes of body there were to handle.
    pub(crate) received: usize,
    pub(crate) status: u16,
    pub(crate) reason: Reason,
    /// The limit that the request met, where the reason leaves more than one.
    pub(crate) limit: Option<Limit>,
    /// How many bytes of body the answer has.
    pub(crate) sent: usize,
    /// How long it waited in line, if it had a place there.
    pub(crate) queued: Option<Duration>,
    /// How long it took from its first byte until its answer was ready.
    pub(crate) total: Duration,
    /// What the handler took.
    pub(crate) cost: Cost,
}

/// The words of a request's head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a str,
    pub(crate) protocol: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
}

impl<'a> Words<'a> {
    pub(crate) fn of(head: &'a Head<'a>) -> Words<'a> {
        let &Head { method, target, protocol, ref headers } = head;
        Words { method, target, protocol, headers }
    }
}

/// As much of a head as has come.
pub(crate) fn head_text<'a>(input: &'a [u8], limits: &Limits) -> Cow<'a, str> {
    let end = http1::head_end(input, 0, limits).ok().flatten();
    let end = end.unwrap_or(limits.head_bytes).min(input.len());
    http1::decode(input.get(..end).unwrap_or_default())
}

/// What a head says, although it is not whole or not well formed: at least its first
/// line.
pub(crate) fn parse_lossy<'a>(text: &'a str, limits: &Limits) -> Head<'a> {
    http1::parse(text, limits).unwrap_or_else(|_| Head {
        method: "",
        target: text.trim_ascii_start().lines().next().unwrap_or_default(),
        protocol: "",
        headers: Vec::new(),
    })
}

impl<'a> Record<'a> {
    /// A request that was answered without its being handled.
    pub(crate) fn unhandled(
        connection: &'a Connection,
        head: Option<Words<'a>>,
        answer: &Answer,
    ) -> Record<'a> {
        let now = Instant::now();
        Record {
            connection,
            head,
            received: 0,
            status: answer.status,
            reason: answer.reason,
            limit: answer.limit,
            sent: answer.data.len(),
            endpoint: connection.endpoint.as_deref(),
            queued: None,
            total: now.saturating_duration_since(connection.began),
            cost: Cost::default(),
        }
    }

    /// Says it in the debug log.
    pub(crate) fn log(&self) {
        if !enabled!(target: REQUEST_LOG, Level::DEBUG) {
            return;
        }
        let Record { connection, head, endpoint, status, reason, sent, .. } = self;
        let client = connection.client.map(display);
        let origin = endpoint.map(|endpoint| &endpoint.origin);
        let (tenant, route) = origin.map(|origin| (origin.tenant(), origin.route())).unzip();
        let words = head.map(|head| [head.method, head.target]).unwrap_or_default();
        let [method, target] = words.map(|word| quote(word, MAX_WORD));
        let (method, target) = (Quoted(&method), Quoted(&target));
        debug!(target: REQUEST_LOG, request = %connection.id, client, tenant, route, ?method, ?target, status, %reason, bytes = sent, "answered");
    }
}
