//! TLS handshakes: each takes a processor as long as dozens of requests do, and whoever can
//! connect can ask for one.
//!
//! So they stand in a line. While other sockets are ready, all handshakes together have a part
//! of the processors; they have what is left besides.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Workers;
use crate::connection::Connection;
use crate::cpu_time::thread_clock;
use crate::exchange;
use crate::processors::processors;
use crate::turns::Seat;

/// Which part of the processors handshakes have while other sockets are ready: one of so many.
const PART: u32 = 4;

/// Connections whose clients go on with their handshakes.
#[derive(Default)]
pub(super) struct Handshakes {
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
    /// Whether there are any.
    pub(super) fn are_waiting(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    fn push(&self, connection: Connection) {
        self.state().line.push_back(connection);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// The next, if others need not wait for it for long, or if there are none.
    pub(super) fn next(&self, others_are_ready: bool) -> Option<Connection> {
        let mut state = self.state();
        if others_are_ready && state.rest_until.is_some_and(|until| until > Instant::now()) {
            return None;
        }
        let connection = state.line.pop_front()?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(connection)
    }

    /// Has those that follow rest, after one that kept a processor busy for so long.
    fn rest(&self, busy: Duration) {
        let processors = u32::try_from(processors()).unwrap_or(u32::MAX).max(1);
        let rest = busy.saturating_mul(PART) / processors;
        self.state().rest_until = Instant::now().checked_add(rest.saturating_sub(busy));
    }

    pub(super) fn take_all(&self) -> VecDeque<Connection> {
        let mut state = self.state();
        self.count.store(0, Ordering::Relaxed);
        std::mem::take(&mut state.line)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let began = thread_clock();
        self.advance(connection, seat);
        self.handshakes.rest(thread_clock().saturating_sub(began));
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::sync::Arc;

    use super::*;
    use crate::RequestId;
    use crate::load::{Load, Share};
    use crate::transport::Transport;

    fn connection() -> Connection {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (transport, share) =
            (Transport::new(socket, None).unwrap(), Share::of(&Arc::new(Load::default())));
        let now = Instant::now();
        Connection::new(transport, None, RequestId::default(), now, now, share)
    }

    #[test]
    fn after_a_handshake_the_next_rests_while_others_are_ready() {
        let handshakes = Handshakes::default();
        (0..3).for_each(|_| handshakes.push(connection()));
        assert!(handshakes.next(true).is_some());
        handshakes.rest(Duration::from_secs(60));
        let rests = handshakes.next(true).is_none();
        // Where there are many processors, another may go on with the next at once.
        assert_eq!(rests, processors() < PART as usize);
        while handshakes.are_waiting() {
            assert!(handshakes.next(false).is_some());
        }
    }
}
