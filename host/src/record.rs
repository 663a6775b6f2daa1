//! What is known of a request once its answer is ready.

use std::time::Instant;

use tracing::field::display;
use tracing::{Level, debug, enabled};

use crate::answer::Answer;
use crate::catalog::Endpoint;
use crate::connection::Connection;
use crate::http1::Head;
use crate::text::{Quoted, quote};
use crate::{Cost, Outcome};

/// The target of what is logged about each request, and what the targets begin with of what is
/// logged about its connection, at the level `debug`.
pub const REQUEST_LOG: &str = "picohttp_host::request";

/// The target of those lines that are about a connection's end.
pub(crate) const CLOSED_LOG: &str = "picohttp_host::request::closed";

/// How much of a client's word the log has use for, in bytes.
pub(crate) const MAX_WORD: usize = 256;

/// One request and its answer, for those who count and log.
pub(crate) struct Record<'a> {
    pub(crate) outcome: Outcome<'a>,
    /// What the client said, as far as it is known.
    pub(crate) head: Option<&'a Head<'a>>,
    /// What it was for, if that is known and there is something.
    pub(crate) endpoint: Option<&'a Endpoint>,
}

impl<'a> Record<'a> {
    /// A request that was answered `now` without its being handled, unless more is said of it.
    pub(crate) fn of(
        connection: &'a Connection,
        head: Option<&'a Head<'a>>,
        answer: &Answer,
        now: Instant,
    ) -> Record<'a> {
        let endpoint = connection.endpoint.as_deref();
        let word = |word: &'a str| Some(word).filter(|word| !word.is_empty());
        let outcome = Outcome {
            id: connection.id,
            client: connection.client,
            tenant: endpoint.map(|endpoint| endpoint.origin.tenant()),
            route: endpoint.map(|endpoint| endpoint.origin.route()),
            method: head.and_then(|head| word(head.method)),
            target: head.and_then(|head| word(head.target)),
            status: answer.status,
            reason: answer.reason,
            limit: answer.limit,
            received: 0,
            sent: answer.data.len(),
            queued: None,
            total: now.saturating_duration_since(connection.began),
            cost: Cost::default(),
        };
        Record { outcome, head, endpoint }
    }

    /// Says it in the debug log.
    pub(crate) fn log(&self) {
        if !enabled!(target: REQUEST_LOG, Level::DEBUG) {
            return;
        }
        let Outcome { id, client, tenant, route, method, target, status, reason, sent, .. } =
            self.outcome;
        let client = client.map(display);
        let [method, target] =
            [method, target].map(|word| quote(word.unwrap_or_default(), MAX_WORD));
        let (method, target) = (Quoted(&method), Quoted(&target));
        debug!(target: REQUEST_LOG, request = %id, client, tenant, route, ?method, ?target, status, %reason, bytes = sent, "answered");
    }
}
