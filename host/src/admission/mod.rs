//! Who may run now, who waits for room, and who is refused.
//!
//! Lanes make a tree: each route is within its tenant's lane, and all tenants are
//! within the server's. A request has room if there is some in its lane and in those
//! around it. If not it waits in line, as a complete request and not as a thread; those
//! over the line are refused at once, which is kinder than an answer that comes too late.
//!
//! Not all that have room run at once. A request that will take long is ready for a
//! moment, until threads have looked at all sockets. So is any of a tenant that has had more
//! than its share of the processors ([`fairness`]); and one that is both is for the
//! [`background`].
//!
//! [`fairness`]: crate::fairness
//! [`background`]: crate::background

mod lane;
mod lanes;
mod room;

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::Mutex;

use crate::account::Account;
use crate::background::{self, Place};
use crate::connection::Connection;
use crate::deadline::after;
use crate::http1::Message;
use crate::stage::Stage;
use crate::tenant::Quota;
use crate::{Fault, Limit};
pub(crate) use lane::Lane;
use lane::LaneState;
use lanes::State;

/// How long those may wait for a thread, at the least, who have got room.
const READY: Duration = Duration::from_secs(1);

/// All lanes of a server.
pub(crate) struct Admission {
    state: Mutex<State>,
    /// Whether nobody is let in any more.
    closed: AtomicBool,
    /// How many requests wait for room, and how many have it and wait for a thread; known
    /// without the lock.
    waiting: AtomicUsize,
    ready: AtomicUsize,
    /// Those who have room and are for the background, with their lanes, and words to end.
    /// Threads there come by them without the lock of the lanes: one who had that, and no
    /// processor, would keep those waiting who go first.
    background: (Sender<Deferred>, Receiver<Deferred>),
    /// How many threads in the background have nothing to do.
    idle_background: AtomicUsize,
}

/// A request for the background with its lane, or the word to end.
type Deferred = Option<(usize, Connection)>;

/// Which of those who are ready a thread in front may take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eligible {
    /// Those who have had no more than their share.
    Due,
    /// Those, and whose requests take next to nothing.
    Quick,
    /// Whoever there is.
    Any,
}

/// What the run of a request was.
pub(crate) struct Run {
    /// How long it took, with all that it waited.
    pub(crate) took: Duration,
    /// How long it kept a processor busy.
    pub(crate) busy: Duration,
    /// Where it ended.
    pub(crate) place: Place,
    pub(crate) ended: Instant,
}

impl Run {
    /// That of a request that did not come to run.
    pub(crate) fn none(ended: Instant) -> Run {
        Run { took: Duration::ZERO, busy: Duration::ZERO, place: background::place(), ended }
    }
}

/// What became of a request that asked for room.
pub(crate) enum Admitted {
    /// It may run, in the slot that the connection has now; after it, [`Admission::leave`] must be
    /// called.
    Run(Connection, Message),
    /// It waits, for a slot or for a thread.
    Waiting,
    /// There is no room, not even to wait.
    Refused(Connection, Message, Fault),
}

impl Admission {
    /// A tree with its root, which stays.
    pub(crate) fn new(quota: Quota) -> (Arc<Admission>, Lane) {
        let admission = Arc::new(Admission {
            state: Mutex::default(),
            closed: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
            background: unbounded(),
            idle_background: AtomicUsize::new(0),
        });
        admission.state.lock().max_in_background = (quota.max_concurrent_requests / 2).max(1);
        let root_lane = admission.add(None, quota, None);
        (admission, root_lane)
    }

    /// Adds the lane of a tenant.
    pub(crate) fn add_tenant(
        self: &Arc<Self>,
        root_lane: &Lane,
        quota: Quota,
        account: Arc<Account>,
    ) -> Lane {
        self.add(Some(root_lane.key), quota, Some(account))
    }

    /// Adds the lane of a route.
    pub(crate) fn add_route(self: &Arc<Self>, tenant: &Lane, quota: Quota) -> Lane {
        self.add(Some(tenant.key), quota, None)
    }

    fn add(
        self: &Arc<Self>,
        parent: Option<usize>,
        quota: Quota,
        account: Option<Arc<Account>>,
    ) -> Lane {
        let lane = LaneState::new(parent, quota, account);
        let key = self.state.lock().insert(lane);
        Lane { admission: Arc::clone(self), key }
    }

    /// Asks for room for the complete request of `connection`.
    pub(crate) fn enter(
        &self,
        mut connection: Connection,
        message: Message,
        lane: &Lane,
        now: Instant,
    ) -> Admitted {
        let (mut state, key) = (self.state.lock(), lane.key);
        if self.is_closed() {
            let fault = Fault::no_room(Limit::ShutdownTimeout);
            return Admitted::Refused(connection, message, fault);
        }
        if let Err(fault) = state.check_rates(key, now) {
            return Admitted::Refused(connection, message, fault);
        }
        if state.has_room(key, now) {
            state.take_tokens(key, now);
            state.begin(key);
            if state.is_due(key, now) && state.is_quick(key) {
                connection.slot = Some(Place::Front);
                return Admitted::Run(connection, message);
            }
            connection.stage = Stage::Wait(message);
            self.make_ready(&mut state, key, connection, now);
            return Admitted::Waiting;
        }
        if let Some(limit) = state.full_queue(key) {
            return Admitted::Refused(connection, message, Fault::no_room(limit));
        }
        state.take_tokens(key, now);
        connection.stage = Stage::Wait(message);
        state.wait(key, connection);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Admitted::Waiting
    }

    /// Ends a run, and gives the slot that it had to the next in line. What was done in the
    /// background has been had from next to nobody.
    pub(crate) fn leave(&self, connection: &mut Connection, lane: &Lane, run: &Run) {
        let Some(slot) = connection.slot else { return };
        let mut state = self.state.lock();
        if slot == Place::Front
            && let Some(lane) = state.lanes.get_mut(lane.key)
        {
            // How long it takes with what others leave says nothing of how long it would take.
            lane.learn(run);
        }
        state.give_back(lane.key, connection);
        if run.place == Place::Front {
            state.charge(lane.key, run.busy, run.ended);
        }
        self.promote(&mut state, run.ended);
    }

    /// How many have room and wait for a thread in front; known without the lock.
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(Ordering::Relaxed)
    }

    /// One that is ready, for a thread in front; it must be run. Of several it is one of the
    /// tenant that has had least. Who has had more than its share since it became ready, and
    /// will take long, goes to the background.
    pub(crate) fn next(&self, eligible: Eligible) -> Option<Connection> {
        let mut state = self.state.lock();
        let now = Instant::now();
        loop {
            let goes_to_background =
                |key| state.place(key, now) == Place::Background && state.may_go_to_background(key);
            let may_run = |key| match eligible {
                Eligible::Due => state.is_due(key, now),
                Eligible::Quick => state.place(key, now) == Place::Front,
                Eligible::Any => true,
            };
            let keys = state.ready.iter().map(|&(key, _)| key).enumerate();
            let wanted = keys.filter(|&(_, key)| may_run(key) || goes_to_background(key));
            let order = |&(_, key): &(usize, usize)| (!state.is_due(key, now), state.had(key));
            let (first, key) = wanted.min_by_key(order)?;
            let goes_to_background = goes_to_background(key);
            let (_, connection) = state.ready.remove(first)?;
            self.ready.fetch_sub(1, Ordering::Relaxed);
            if !goes_to_background {
                return Some(connection);
            }
            self.send_to_background(&mut state, key, connection);
        }
    }

    /// Waits until there is one for the background, but no longer than `patience`.
    pub(crate) fn next_in_background(&self, patience: Duration) -> Option<Connection> {
        self.idle_background.fetch_add(1, Ordering::Relaxed);
        let next = self.background.1.recv_timeout(patience).ok().flatten();
        self.idle_background.fetch_sub(1, Ordering::Relaxed);
        next.map(|(_, connection)| connection)
    }

    /// Whether the background lacks a thread: there is something to do, and none is idle.
    pub(crate) fn lacks_thread(&self) -> bool {
        !self.background.1.is_empty() && self.idle_background.load(Ordering::Relaxed) == 0
    }

    fn make_ready(&self, state: &mut State, key: usize, mut connection: Connection, now: Instant) {
        connection.deadline = connection.deadline.max(after(now, READY));
        connection.slot = Some(Place::Front);
        if state.place(key, now) == Place::Front {
            state.ready.push_back((key, connection));
            self.ready.fetch_add(1, Ordering::Relaxed);
        } else {
            self.send_to_background(state, key, connection);
        }
    }

    fn send_to_background(&self, state: &mut State, key: usize, mut connection: Connection) {
        state.set_in_background(key, true);
        connection.slot = Some(Place::Background);
        // It cannot fail while there is a receiver, which is here.
        let _ = self.background.0.send(Some((key, connection)));
    }

    /// Gives room to those in line, as far as there is some.
    fn promote(&self, state: &mut State, now: Instant) {
        while let Some((key, connection)) = state.take_waiting(now) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.make_ready(state, key, connection, now);
        }
    }

    /// Takes those that have waited past their deadlines.
    pub(crate) fn take_expired(&self, now: Instant) -> Vec<Connection> {
        self.take_all(&mut self.state.lock(), now, |connection| connection.deadline <= now)
    }

    /// Lets nobody in any more, and has so many threads in the background end. Returns the
    /// connections that wait.
    pub(crate) fn dismiss(&self, threads: usize) -> Vec<Connection> {
        self.closed.store(true, Ordering::SeqCst);
        let mut state = self.state.lock();
        let waiting = self.take_all(&mut state, Instant::now(), |_| true);
        for _ in 0..threads {
            let _ = self.background.0.send(None);
        }
        // Dropped without the lock: one may be the last to keep its lane.
        waiting
    }

    fn take_all(
        &self,
        state: &mut State,
        now: Instant,
        is_over: impl Fn(&Connection) -> bool,
    ) -> Vec<Connection> {
        let mut taken = state.take_from_lines(&is_over);
        self.waiting.fetch_sub(taken.len(), Ordering::Relaxed);
        for (key, mut connection) in mem::take(&mut state.ready) {
            if is_over(&connection) {
                state.give_back(key, &mut connection);
                self.ready.fetch_sub(1, Ordering::Relaxed);
                taken.push(connection);
            } else {
                state.ready.push_back((key, connection));
            }
        }
        // Each is looked at once, and they keep their order.
        for next in self.background.1.try_iter().take(self.background.1.len()) {
            match next {
                Some((key, mut connection)) if is_over(&connection) => {
                    state.give_back(key, &mut connection);
                    taken.push(connection);
                }
                next => drop(self.background.0.send(next)),
            }
        }
        self.promote(state, now);
        taken
    }

    /// Whether nobody is let in any more, and nobody is to run who waits.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// How many requests wait for room.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}
