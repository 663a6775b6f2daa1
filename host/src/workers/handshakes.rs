//! TLS handshakes: each takes a processor as long as dozens of requests do, and whoever can
//! connect can ask for one.
//!
//! So they stand in a line. While other sockets are ready, all handshakes together have a part
//! of the processors; they have what is left besides.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Workers;
use crate::connection::Connection;
use crate::exchange;
use crate::processors::processors;
use crate::session::take_handshake_time;
use crate::turns::Seat;

/// Which part of all processors handshakes have while other sockets are ready: one of so many.
const PART: u32 = 4;

/// For how long they rest at the most.
const MOST_REST: Duration = Duration::from_millis(100);

/// Connections whose clients go on with their handshakes.
pub(super) struct Handshakes {
    processors: u32,
    state: Mutex<State>,
    /// How many there are; known without the lock.
    count: AtomicUsize,
}

#[derive(Default)]
struct State {
    line: VecDeque<Connection>,
    /// Until when those rest for whom others would have to wait.
    rest_until: Option<Instant>,
}

impl Handshakes {
    pub(super) fn new() -> Handshakes {
        let processors = u32::try_from(processors()).unwrap_or(u32::MAX).max(1);
        Handshakes { processors, state: Mutex::default(), count: AtomicUsize::new(0) }
    }

    /// Whether there are any.
    pub(super) fn are_waiting(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    fn push(&self, connection: Connection) {
        let mut state = self.state.lock();
        state.line.push_back(connection);
        self.count.store(state.line.len(), Ordering::Relaxed);
    }

    /// The next, unless it rests as others are ready.
    pub(super) fn next(&self, others_are_ready: bool) -> Option<Connection> {
        let mut state = self.state.lock();
        if others_are_ready && state.rest_until.is_some_and(|until| until > Instant::now()) {
            return None;
        }
        let connection = state.line.pop_front()?;
        self.count.store(state.line.len(), Ordering::Relaxed);
        Some(connection)
    }

    /// Has those that follow rest for what kept a processor busy until now. That of several
    /// threads adds up; what was done while nobody waited for it does not.
    fn rest(&self, busy: Duration, now: Instant) {
        let rest = busy.saturating_mul(PART) / self.processors;
        let mut state = self.state.lock();
        let began = now.checked_sub(busy).unwrap_or(now);
        let from = state.rest_until.map_or(began, |until| until.max(began));
        let most = now.checked_add(MOST_REST);
        state.rest_until = from.checked_add(rest).min(most);
    }

    pub(super) fn take_all(&self) -> VecDeque<Connection> {
        let mut state = self.state.lock();
        self.count.store(0, Ordering::Relaxed);
        mem::take(&mut state.line)
    }
}

impl Workers {
    /// Goes on with a connection, or has it wait for that if its handshake does.
    pub(super) fn advance_in_turn(&self, connection: Connection, seat: Seat<'_>) {
        if connection.is_handshaking() {
            self.handshakes.push(connection);
            self.close_if_ended();
        } else {
            self.advance(connection, seat);
        }
    }

    /// Goes on with a handshake whose turn it is, and with what follows it.
    pub(super) fn shake_hands(&self, connection: Connection, seat: Seat<'_>) {
        if connection.deadline <= Instant::now() {
            return exchange::expire(connection, &self.service, self.parking());
        }
        self.advance(connection, seat);
        self.handshakes.rest(take_handshake_time(), Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::connection;
    use super::*;

    /// How long the next rests after so many handshakes of 10 ms at once, on that many processors.
    fn rest(processors: u32, handshakes: u32) -> Duration {
        let line = Handshakes { processors, ..Handshakes::new() };
        let now = Instant::now();
        (0..handshakes).for_each(|_| line.rest(Duration::from_millis(10), now));
        line.state.lock().rest_until.unwrap().saturating_duration_since(now)
    }

    #[test]
    fn handshakes_have_their_part_of_all_processors() {
        let milliseconds = Duration::from_millis;
        assert_eq!([1, 2, 4].map(|processors| rest(processors, 1)), [30, 10, 0].map(milliseconds));
        // Two at once, and four.
        assert_eq!([2, 4, 8].map(|processors| rest(processors, 2)), [30, 10, 0].map(milliseconds));
        assert_eq!([4, 8, 16].map(|processors| rest(processors, 4)), [30, 10, 0].map(milliseconds));
        assert_eq!(rest(1, 1000), MOST_REST);
    }

    #[test]
    fn the_next_rests_only_while_others_are_ready() {
        let handshakes = Handshakes { processors: 1, ..Handshakes::new() };
        (0..2).for_each(|_| handshakes.push(connection()));
        handshakes.rest(MOST_REST, Instant::now());
        assert!(handshakes.next(true).is_none());
        assert!(handshakes.next(false).is_some());
        handshakes.state.lock().rest_until = Some(Instant::now());
        assert!(handshakes.next(true).is_some() && !handshakes.are_waiting());
    }
}
