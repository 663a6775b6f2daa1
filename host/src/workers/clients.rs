//! New clients: accepted in bursts, turned away when there are too many or no descriptors.

use std::fmt::Display;
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tracing::warn;

use super::{LISTENER, Workers};
use crate::CloseReason;
use crate::connection::Connection;
use crate::deadline::after;
use crate::descriptors;
use crate::listener::AcceptError;
use crate::load::Share;
use crate::transport::Transport;
use crate::turns::Seat;

/// How often it is said that there are too many clients, or that none can be accepted.
const COMPLAINTS: Duration = Duration::from_secs(5);

/// Why there may be no more clients, though the system would let them in.
const TOO_MANY: &str = "too many open files";

/// How many clients a thread takes from the backlog before it asks the poller whether
/// others wait.
const BURST: usize = 16;

impl Workers {
    /// Serves clients that wait to be accepted, some of them if they are many.
    pub(super) fn take_clients(&self, seat: Seat<'_>) {
        for _ in 0..BURST {
            match self.accept() {
                Ok(Some(connection)) => {
                    if descriptors::is_for_host(connection.socket()) {
                        self.exhaust(&TOO_MANY);
                        return self.advance_in_turn(connection, seat);
                    }
                    self.advance_in_turn(connection, seat);
                }
                Ok(None) => {}
                Err(AcceptError::Empty) => return,
                Err(AcceptError::Stopped) => return self.turn_away(),
                Err(AcceptError::Failed(error)) => return self.exhaust(&error),
            }
            if !seat.has_turn() {
                return;
            }
        }
    }

    /// Accepts nobody for a while.
    fn exhaust(&self, error: &dyn Display) {
        self.turn_away();
        // Not before: whoever finds this set watches the listener again.
        self.exhausted.store(true, Ordering::Release);
        self.complain(error);
    }

    fn complain(&self, error: &dyn Display) {
        if self.told_exhausted.may(COMPLAINTS) {
            warn!(%error, "cannot accept clients; trying again");
        }
    }

    /// Watches the listener again after it was exhausted, if there is a descriptor for a client. The
    /// first has one in any case.
    pub(super) fn retry(&self) {
        if !self.exhausted.load(Ordering::Acquire) {
            return;
        }
        if !descriptors::are_left_for_clients() && self.service.load.connections() > 0 {
            return self.complain(&TOO_MANY);
        }
        self.exhausted.store(false, Ordering::Relaxed);
        if let Err(error) = self.poller.watch(&self.listener, LISTENER)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            self.exhausted.store(true, Ordering::Release);
            self.complain(&error);
        }
    }

    /// Stops watching the listener, which would end every wait at once.
    pub(super) fn turn_away(&self) {
        // Another thread may have been first.
        let _ = self.poller.unwatch(&self.listener);
    }

    /// The next client, unless there are too many of them.
    pub(super) fn accept(&self) -> Result<Option<Connection>, AcceptError> {
        let _accepting = self.listener.enter()?;
        let (socket, client) = self.listener.accept()?;
        // A client that is closed at once can try again; one that is left in the backlog waits.
        let most = self.service.settings.max_connections;
        let Some(share) = Share::of(&self.service.load, most) else {
            self.service.metrics.closed.count(CloseReason::TooManyConnections);
            if self.told_full.may(COMPLAINTS) {
                warn!(max_connections = most, "closing clients that come, as there are too many");
            }
            return Ok(None);
        };
        let transport = match Transport::new(socket, self.service.tls.load().as_deref()) {
            Ok(transport) => transport,
            Err(error) => {
                warn!(%error, "cannot speak TLS with a client");
                return Ok(None);
            }
        };
        let now = Instant::now();
        let deadline = after(now, self.service.settings.timeouts.head);
        let id = self.service.next_id();
        Ok(Some(Connection::new(transport, client, id, now, deadline, share)))
    }
}
