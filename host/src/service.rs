//! What every request of a server has in common.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::admission::Admission;
use crate::http1::{self, CloseReason, Head};
use crate::{Handler, RequestId};

/// The deadlines of a connection. Each counts from when its stage began, whatever the
/// client does meanwhile: one byte now and then keeps nothing alive.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the head of a request, from when its client was accepted.
    pub head: Duration,
    /// For the body of a request, from when its head was complete.
    pub body: Duration,
    /// For a response to be sent.
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
#[derive(Clone, Copy, Debug)]
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

/// The handler and the bounds that all request threads share.
pub(crate) struct Service {
    pub(crate) handler: Box<dyn Handler>,
    pub(crate) args: Vec<String>,
    pub(crate) limits: http1::Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) keep_alive: Option<KeepAlive>,
    pub(crate) admission: Admission,
    /// Set when the server begins to stop: connections no longer persist.
    pub(crate) stopping: AtomicBool,
    next_id: AtomicU64,
}

impl Service {
    pub(crate) fn new(
        handler: Box<dyn Handler>,
        args: Vec<String>,
        limits: http1::Limits,
        timeouts: Timeouts,
        keep_alive: Option<KeepAlive>,
        admission: Admission,
    ) -> Service {
        // Two runs of a server should not give the same names.
        let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let next_id = AtomicU64::new((start.as_micros() as u64) << 12);
        let stopping = AtomicBool::new(false);
        Service { handler, args, limits, timeouts, keep_alive, admission, stopping, next_id }
    }

    pub(crate) fn next_id(&self) -> RequestId {
        RequestId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Why a connection on which `answered` requests went before must be closed after
    /// this one, if it must.
    pub(crate) fn close_reason(&self, head: &Head<'_>, answered: u32) -> Option<CloseReason> {
        let Some(keep_alive) = self.keep_alive else { return Some(CloseReason::OneRequest) };
        if self.stopping.load(Ordering::Relaxed) {
            return Some(CloseReason::Stopping);
        }
        let capped = answered.saturating_add(1) >= keep_alive.max_requests;
        http1::close_reason(head).or(capped.then_some(CloseReason::RequestCap))
    }
}
