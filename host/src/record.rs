//! What is known of a request once its answer is ready.

use std::time::{Duration, Instant};

use tracing::debug;

use crate::answer::Answer;
use crate::catalog::Endpoint;
use crate::connection::Connection;
use crate::{Cost, Reason, Request};

/// One request and its answer, for those who count and log.
pub(crate) struct Record<'a> {
    /// Its client and its name.
    pub(crate) connection: &'a Connection,
    /// The request and its target, unless it could not be read.
    pub(crate) request: Option<(&'a Request<'a>, &'a str)>,
    /// What it was for, if that is known and there is something.
    pub(crate) endpoint: Option<&'a Endpoint>,
    /// How many bytes of body were received.
    pub(crate) received: usize,
    pub(crate) status: u16,
    pub(crate) reason: Reason,
    /// How many bytes of body are sent.
    pub(crate) sent: usize,
    /// How long it waited in line.
    pub(crate) queued: Duration,
    /// How long it took from its first byte, or from when its client was accepted, until
    /// its answer was ready.
    pub(crate) total: Duration,
    /// What the handler took.
    pub(crate) cost: Cost,
}

impl<'a> Record<'a> {
    /// A request that was answered without its being handled.
    pub(crate) fn unhandled(connection: &'a Connection, answer: &Answer) -> Record<'a> {
        Record {
            connection,
            request: None,
            received: 0,
            status: answer.status,
            reason: answer.reason,
            sent: answer.data.len(),
            endpoint: connection.endpoint.as_deref(),
            queued: Duration::ZERO,
            total: Instant::now().saturating_duration_since(connection.began),
            cost: Cost::default(),
        }
    }

    /// Says it in the debug log.
    pub(crate) fn log(&self) {
        let Record { connection, status, reason, sent, .. } = self;
        debug!(request = %connection.id, client = ?connection.peer(), status, %reason, bytes = sent, "answered");
    }
}
