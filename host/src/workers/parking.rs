//! Connections that wait: for their sockets, for another thread, or for a while to be over.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use slab::Slab;
use tracing::warn;

use super::Workers;
use crate::connection::Connection;
use crate::exchange::Until;
use crate::poller::Interest;

impl Workers {
    /// What becomes of a connection that must wait.
    pub(super) fn parking(&self) -> impl Fn(Connection, Until) {
        |connection, until| match until {
            Until::Ready(interest) => self.park(connection, interest),
            Until::Taken => {
                // It cannot fail while there is a receiver, which is here.
                let _ = self.handed_over.0.send(connection);
                self.poller.nudge();
                self.close_if_ended();
            }
            Until::Later => {
                self.paused().push_back((Instant::now(), connection));
                self.close_if_ended();
            }
        }
    }

    /// Closes what came here after the end: nobody will go on with it.
    fn close_if_ended(&self) {
        if self.ended.load(Ordering::SeqCst) {
            self.close_all();
        }
    }

    /// Closes all connections that wait.
    pub(super) fn close_all(&self) {
        self.parked().clear();
        self.paused().clear();
        self.handed_over.1.try_iter().for_each(drop);
    }

    /// Leaves a connection to the poller until its socket is ready. If that fails, there
    /// is nothing to be done for it.
    pub(super) fn park(&self, mut connection: Connection, interest: Interest) {
        let polled = mem::replace(&mut connection.polled, true);
        let mut parked = self.parked();
        if self.ended.load(Ordering::Relaxed) {
            return;
        }
        let entry = parked.vacant_entry();
        let key = entry.key();
        // Once armed it may be taken by another thread, so it must be in place before;
        // that thread then waits for the lock.
        let connection = entry.insert(connection);
        let armed = match polled {
            false => self.poller.add(connection.socket(), key as u64, interest),
            true => self.poller.rearm(connection.socket(), key as u64, interest),
        };
        if let Err(error) = armed {
            warn!(request = %connection.id, %error, "cannot wait for a client");
            parked.remove(key);
        }
    }

    pub(super) fn paused(&self) -> MutexGuard<'_, VecDeque<(Instant, Connection)>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn parked(&self) -> MutexGuard<'_, Slab<Connection>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
