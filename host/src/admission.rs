//! Who may run now, who waits for room, and who is refused.
//!
//! At most so many requests run at once. Some more wait in line, as complete requests
//! and not as threads; those over the line are refused at once, which is kinder than
//! an answer that comes too late.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::connection::Connection;

/// The running requests and the line before them.
pub(crate) struct Admission {
    max_running: usize,
    max_waiting: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    waiting: VecDeque<Connection>,
}

/// What became of a request that asked for room.
pub(crate) enum Admitted {
    /// It may run; [`Admission::leave`] must be called after it.
    Run(Connection),
    /// It waits; whoever leaves will run it.
    Waiting,
    /// There is no room, not even to wait.
    Refused(Connection),
}

impl Admission {
    pub(crate) fn new(max_running: usize, max_waiting: usize) -> Admission {
        Admission { max_running, max_waiting, state: Mutex::default() }
    }

    /// Asks for room for the complete request of `connection`.
    pub(crate) fn enter(&self, connection: Connection) -> Admitted {
        let mut state = self.state();
        if state.running < self.max_running {
            state.running += 1;
            Admitted::Run(connection)
        } else if state.waiting.len() < self.max_waiting {
            state.waiting.push_back(connection);
            Admitted::Waiting
        } else {
            Admitted::Refused(connection)
        }
    }

    /// Ends one run. The next in line, if there is one, has its room already and must
    /// be run by the caller.
    pub(crate) fn leave(&self) -> Option<Connection> {
        let mut state = self.state();
        let next = state.waiting.pop_front();
        if next.is_none() {
            state.running = state.running.saturating_sub(1);
        }
        next
    }

    /// Takes those at the head of the line that have waited past their deadlines.
    pub(crate) fn take_expired(&self, now: Instant) -> Vec<Connection> {
        let mut state = self.state();
        let in_time = |connection: &Connection| connection.deadline > now;
        let expired = state.waiting.iter().position(in_time).unwrap_or(state.waiting.len());
        state.waiting.drain(..expired).collect()
    }

    /// How many requests wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Closes the connections that wait.
    pub(crate) fn dismiss(&self) {
        let waiting = std::mem::take(&mut self.state().waiting);
        drop(waiting);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
