//! Connections that wait for their sockets, or for another thread.

use std::mem;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tracing::{error, warn};

use super::Workers;
use crate::CloseReason;
use crate::catch_panic::catch_panic;
use crate::connection::Connection;
use crate::exchange::{self, Until};
use crate::poller::Interest;

/// From how many on the places of parked connections are given back that nobody needs.
const MANY_PLACES: usize = 1024;

impl Workers {
    /// What becomes of a connection that must wait.
    pub(super) fn parking(&self) -> impl Fn(Connection, Until) {
        |connection, until| match until {
            Until::Ready(interest) => self.park(connection, interest),
            Until::Taken => self.hand_over(connection),
            Until::Later => {
                self.pauses.begin(connection);
                self.close_if_ended();
            }
        }
    }

    /// Has another thread go on with a connection.
    pub(super) fn hand_over(&self, connection: Connection) {
        // It cannot fail while there is a receiver, which is here.
        let _ = self.handed_over.0.send(connection);
        self.poller.nudge();
        self.close_if_ended();
    }

    /// Closes what came here after the end: nobody will go on with it.
    pub(super) fn close_if_ended(&self) {
        if self.ended.load(Ordering::SeqCst) {
            self.close_all();
        }
    }

    /// Closes all connections that wait; those that did not wait for their clients are told.
    pub(super) fn close_all(&self) {
        self.parked.lock().clear();
        self.handshakes.take_all().clear();
        self.pauses.take_all().for_each(|connection| self.dismiss(connection));
        self.handed_over.1.try_iter().for_each(|connection| self.dismiss(connection));
    }

    /// Tells the client of a connection that nobody will go on with.
    pub(super) fn dismiss(&self, connection: Connection) {
        let id = connection.id;
        if let Err(panic) = catch_panic(|| exchange::dismiss(connection, &self.service)) {
            error!(request = %id, panic, "a client was not told of the end");
        }
    }

    /// Leaves a connection to the poller until its socket is ready. If that fails, there
    /// is nothing to be done for it.
    pub(super) fn park(&self, mut connection: Connection, interest: Interest) {
        let is_armed = connection.is_armed(interest);
        let before = connection.armed.replace(interest);
        let mut parked = self.parked.lock();
        if self.ended.load(Ordering::Relaxed) {
            return;
        }
        // Once armed it may be taken by another thread, so it must be in place before;
        // that thread then waits for the lock.
        let key = key(&connection);
        let has_missed = parked.put(key, connection);
        if is_armed && !has_missed {
            return;
        }
        let Some(connection) = parked.get(key) else { return };
        let armed = match before {
            None => self.poller.add(connection.socket(), key as u64, interest),
            Some(_) => self.poller.rearm(connection.socket(), key as u64, interest),
        };
        if let Err(error) = armed
            && let Some(connection) = parked.take(key)
        {
            drop(parked);
            warn!(request = %connection.id, %error, "cannot wait for a client");
            exchange::close(connection, CloseReason::Failed, &self.service);
        }
    }
}

/// Connections that wait for their sockets, each in the place of its descriptor's number: of
/// those the kernel gives the least that is free.
#[derive(Default)]
pub(super) struct Parked {
    places: Vec<Option<Connection>>,
    /// In which places there was nobody when an event came.
    missed: Vec<bool>,
    /// When the first of them is due, or one was that is not here any more.
    due: Option<Instant>,
}

impl Parked {
    /// Puts a connection into its place. Says whether an event came while it was away, or while
    /// one before it was that had the same descriptor.
    fn put(&mut self, key: usize, connection: Connection) -> bool {
        if key >= self.places.len() {
            self.places.resize_with(key.saturating_add(1), || None);
        }
        self.due = self.due.or(Some(connection.deadline)).min(Some(connection.deadline));
        if let Some(place) = self.places.get_mut(key) {
            *place = Some(connection);
        }
        self.missed.get_mut(key).is_some_and(mem::take)
    }

    fn get(&self, key: usize) -> Option<&Connection> {
        self.places.get(key)?.as_ref()
    }

    /// Takes the connection in a place, if there is one.
    fn take(&mut self, key: usize) -> Option<Connection> {
        self.places.get_mut(key)?.take()
    }

    /// Takes the connection that an event is for. If it is away it will know that one came.
    pub(super) fn take_ready(&mut self, key: usize) -> Option<Connection> {
        let connection = self.take(key);
        if connection.is_none() {
            if key >= self.missed.len() {
                self.missed.resize(key.saturating_add(1), false);
            }
            if let Some(missed) = self.missed.get_mut(key) {
                *missed = true;
            }
        }
        connection
    }

    /// Takes all whose time is over.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Connection> {
        match self.due {
            Some(due) if due <= now => self.take_if(|connection| connection.deadline <= now),
            _ => Vec::new(),
        }
    }

    /// Takes all for which that is so.
    pub(super) fn take_if(&mut self, is_so: impl Fn(&Connection) -> bool) -> Vec<Connection> {
        let places = self.places.iter_mut();
        let taken = places.filter_map(|place| place.take_if(|connection| is_so(connection)));
        let taken = taken.collect();
        self.due = self.places.iter().flatten().map(|connection| connection.deadline).min();
        taken
    }

    /// After a crowd, gives back the places behind the last that is taken.
    pub(super) fn trim(&mut self) {
        let taken = self.places.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        self.places.truncate(taken);
        if self.places.capacity() > MANY_PLACES.max(taken.saturating_mul(4)) {
            self.places.shrink_to_fit();
        }
    }

    fn clear(&mut self) {
        self.places.clear();
    }
}

fn key(connection: &Connection) -> usize {
    // A descriptor is never negative.
    usize::try_from(connection.socket().as_raw_fd()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::connection;
    use super::*;

    /// A connection that is due so many seconds after another moment.
    fn due(began: Instant, seconds: u64) -> Connection {
        let mut connection = connection();
        connection.deadline = began + Duration::from_secs(seconds);
        connection
    }

    #[test]
    fn whoever_is_due_is_taken_and_the_others_stay() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut parked = Parked::default();
        for (key, seconds) in [(7, 3), (2, 1), (5, 2)] {
            assert!(!parked.put(key, due(began, seconds)));
        }
        let mut taken = |seconds| parked.take_due(at(seconds)).len();
        assert_eq!([0, 1, 1, 2, 4].map(&mut taken), [0, 1, 0, 1, 1]);
        assert!(parked.places.iter().all(Option::is_none));
        parked.put(4, due(began, 9));
        parked.put(1, due(began, 5));
        assert!(parked.take(1).is_some());
        let mut taken = |seconds| parked.take_due(at(seconds)).len();
        assert_eq!([6, 8, 9].map(&mut taken), [0, 0, 1]);
    }

    #[test]
    fn an_event_without_a_connection_is_told_to_the_next_in_its_place() {
        let now = Instant::now();
        let mut parked = Parked::default();
        assert!(parked.take_ready(3).is_none());
        assert!(!parked.put(2, due(now, 1)));
        assert!(parked.put(3, due(now, 1)));
        assert!(parked.take_ready(3).is_some());
        assert!(!parked.put(3, due(now, 1)));
    }

    #[test]
    fn places_behind_the_last_are_given_back() {
        let now = Instant::now();
        let mut parked = Parked::default();
        parked.put(3, due(now, 1));
        parked.put(5000, due(now, 1));
        assert!(parked.take(5000).is_some());
        parked.trim();
        assert_eq!((parked.places.len(), parked.places.capacity() < 5000), (4, true));
        assert!(parked.take(3).is_some());
    }
}
