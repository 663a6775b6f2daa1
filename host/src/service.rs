//! What every request of a server has in common.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::admission::Admission;
use crate::{Handler, RequestId, http1};

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

/// The handler and the bounds that all request threads share.
pub(crate) struct Service {
    pub(crate) handler: Box<dyn Handler>,
    pub(crate) args: Vec<String>,
    pub(crate) limits: http1::Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) admission: Admission,
    next_id: AtomicU64,
}

impl Service {
    pub(crate) fn new(
        handler: Box<dyn Handler>,
        args: Vec<String>,
        limits: http1::Limits,
        timeouts: Timeouts,
        admission: Admission,
    ) -> Service {
        // Two runs of a server should not give the same names.
        let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let next_id = AtomicU64::new((start.as_micros() as u64) << 12);
        Service { handler, args, limits, timeouts, admission, next_id }
    }

    pub(crate) fn next_id(&self) -> RequestId {
        RequestId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }
}
