//! Who is told how each request ended, in the process itself.

use std::net::IpAddr;
use std::time::Duration;

use tracing::error;

use crate::catch_panic::catch_panic;
use crate::record::Record;
use crate::{Cost, Limit, Reason, RequestId};

/// How a request ended: what an access log says of it. See
/// [`HttpServer::observer`](crate::HttpServer::observer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome<'a> {
    /// Names the request in every log line about it.
    pub id: RequestId,
    /// The client's address, if it is known.
    pub client: Option<IpAddr>,
    /// The tenant whose request it was; `None` if it was nobody's, or nobody knows.
    pub tenant: Option<&'a str>,
    /// The path of the route that it was for.
    pub route: Option<&'a str>,
    /// The method and the target, as the client sent them: of a request that could not be read
    /// there may be none, or only some.
    pub method: Option<&'a str>,
    /// See `method`.
    pub target: Option<&'a str>,
    /// The status that it was answered with.
    pub status: u16,
    /// Why it was answered so.
    pub reason: Reason,
    /// The limit that it met, where the reason leaves more than one.
    pub limit: Option<Limit>,
    /// How many bytes of body there were to handle.
    pub received: usize,
    /// How many bytes of body the answer has.
    pub sent: usize,
    /// How long it waited in line, if it had a place there.
    pub queued: Option<Duration>,
    /// How long it took from its first byte until its answer was ready.
    pub total: Duration,
    /// What the handler took.
    pub cost: Cost,
}

/// One who is told.
pub(crate) struct Observer(Box<dyn Fn(&Outcome<'_>) + Send + Sync>);

impl Observer {
    pub(crate) fn new(observe: impl Fn(&Outcome<'_>) + Send + Sync + 'static) -> Observer {
        Observer(Box::new(observe))
    }

    /// Tells of a request. If that panics, the request has its answer nevertheless.
    pub(crate) fn tell(&self, record: &Record<'_>) {
        if let Err(panic) = catch_panic(|| (self.0)(&Outcome::of(record))) {
            error!(request = %record.connection.id, panic, "the observer has panicked");
        }
    }
}

impl<'a> Outcome<'a> {
    fn of(record: &Record<'a>) -> Outcome<'a> {
        let &Record { connection, head, endpoint, status, reason, limit, .. } = record;
        let &Record { received, sent, queued, total, cost, .. } = record;
        let word = |word: &'a str| Some(word).filter(|word| !word.is_empty());
        Outcome {
            id: connection.id,
            client: connection.client,
            tenant: endpoint.map(|endpoint| endpoint.origin.tenant()),
            route: endpoint.map(|endpoint| endpoint.origin.route()),
            method: head.and_then(|head| word(head.method)),
            target: head.and_then(|head| word(head.target)),
            status,
            reason,
            limit,
            received,
            sent,
            queued,
            total,
            cost,
        }
    }
}
