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

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use slab::Slab;

use crate::account::Account;
use crate::connection::Connection;
use crate::fairness::{Clock, Share};
use crate::rate::Bucket;
use crate::tenant::Quota;

/// What takes longer than this is not begun before threads have looked at all sockets:
/// while they are busy with it, they could not tell that there are too many requests.
const QUICK: Duration = Duration::from_micros(300);

/// All lanes of a server.
pub(crate) struct Admission {
    state: Mutex<State>,
    /// How many requests wait for room, and how many have it and wait for a thread; known
    /// without the lock.
    waiting: AtomicUsize,
    ready: AtomicUsize,
    /// Those who have room and are for the background, and words to end. Threads there come
    /// by them without the lock of the lanes: one who had that, and no processor, would keep
    /// those waiting who go first.
    behind: (Sender<Option<Connection>>, Receiver<Option<Connection>>),
    /// How many threads in the background have nothing to do.
    idle_behind: AtomicUsize,
}

#[derive(Default)]
struct State {
    lanes: Slab<Room>,
    /// The lanes with a line of their own, in the order in which they are looked at.
    backlog: VecDeque<usize>,
    /// Those who have room and wait for a thread in front, with their lanes.
    ready: VecDeque<(usize, Connection)>,
    /// How many have room and are for the background, or run there, and how many may.
    behind: usize,
    most_behind: usize,
    clock: Clock,
}

/// For which threads something is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Front,
    Background,
}

/// What one lane holds.
struct Room {
    parent: Option<usize>,
    quota: Quota,
    bucket: Bucket,
    /// How many requests run, in this lane and in those within it.
    running: usize,
    /// How many wait there.
    waiting: usize,
    /// Those that wait in this lane itself.
    line: VecDeque<Connection>,
    /// What the lane's tenant has in use, if it is one.
    account: Option<Arc<Account>>,
    /// What the lane has had of the processors.
    share: Share,
    /// How long its requests keep a processor busy of late.
    pace: Duration,
}

/// A place in the tree, as long as it is kept.
pub(crate) struct Lane {
    admission: Arc<Admission>,
    key: usize,
}

/// What became of a request that asked for room.
pub(crate) enum Admitted {
    /// It may run; after it, [`Admission::leave`] must be called.
    Run(Connection),
    /// It waits, for room or for a thread.
    Waiting,
    /// There is no room, not even to wait.
    Refused(Connection),
}

impl Admission {
    /// A tree with the outermost lane, which stays.
    pub(crate) fn new(quota: Quota) -> (Arc<Admission>, Lane) {
        let admission = Arc::new(Admission {
            state: Mutex::default(),
            waiting: AtomicUsize::new(0),
            ready: AtomicUsize::new(0),
            behind: unbounded(),
            idle_behind: AtomicUsize::new(0),
        });
        admission.state().most_behind = (quota.max_concurrent_requests / 2).max(1);
        let outermost = admission.add(None, quota, None);
        (admission, outermost)
    }

    /// Adds the lane of a tenant.
    pub(crate) fn of_tenant(
        self: &Arc<Self>,
        outermost: &Lane,
        quota: Quota,
        account: Arc<Account>,
    ) -> Lane {
        self.add(Some(outermost.key), quota, Some(account))
    }

    /// Adds the lane of a route.
    pub(crate) fn of_route(self: &Arc<Self>, tenant: &Lane, quota: Quota) -> Lane {
        self.add(Some(tenant.key), quota, None)
    }

    fn add(
        self: &Arc<Self>,
        parent: Option<usize>,
        quota: Quota,
        account: Option<Arc<Account>>,
    ) -> Lane {
        let room = Room {
            parent,
            quota,
            bucket: Bucket::default(),
            running: 0,
            waiting: 0,
            line: VecDeque::new(),
            account,
            share: Share::default(),
            pace: Duration::ZERO,
        };
        let key = self.state().lanes.insert(room);
        Lane { admission: Arc::clone(self), key }
    }

    /// Asks for room for the complete request of `connection`.
    pub(crate) fn enter(&self, connection: Connection, lane: &Lane, now: Instant) -> Admitted {
        let mut state = self.state();
        if !state.is_within_rates(lane.key, now) {
            return Admitted::Refused(connection);
        }
        if state.has_room(lane.key) {
            state.take_tokens(lane.key, now);
            state.each(lane.key, |room| room.running += 1);
            if state.is_due(lane.key) && state.is_quick(lane.key) {
                return Admitted::Run(connection);
            }
            self.make_ready(&mut state, lane.key, connection);
            Admitted::Waiting
        } else if state.can_wait(lane.key) {
            state.take_tokens(lane.key, now);
            state.each(lane.key, |room| room.waiting += 1);
            if let Some(room) = state.lanes.get_mut(lane.key) {
                room.line.push_back(connection);
                if room.line.len() == 1 {
                    state.backlog.push_back(lane.key);
                }
            }
            self.waiting.fetch_add(1, Ordering::Relaxed);
            Admitted::Waiting
        } else {
            Admitted::Refused(connection)
        }
    }

    /// Ends a run that has kept a processor busy for so long, and gives its room to the
    /// next in line. What was done in the background has been had from nobody.
    pub(crate) fn leave(
        &self,
        connection: &mut Connection,
        lane: &Lane,
        (busy, place): (Duration, Place),
        now: Instant,
    ) {
        let mut state = self.state();
        if mem::take(&mut connection.is_behind) {
            state.behind = state.behind.saturating_sub(1);
        }
        if let Some(room) = state.lanes.get_mut(lane.key) {
            room.pace = (room.pace * 7 + busy) / 8;
        }
        state.each(lane.key, |room| room.running = room.running.saturating_sub(1));
        if place == Place::Front {
            state.charge(lane.key, busy, now);
        }
        self.promote(&mut state);
    }

    /// How many have room and wait for a thread in front; known without the lock.
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(Ordering::Relaxed)
    }

    /// One that is ready, for a thread in front; it must be run. Of several it is one of the
    /// tenant that has had least. Whoever has had more than its share is for an idle thread.
    pub(crate) fn next(&self, idle: bool) -> Option<Connection> {
        let mut state = self.state();
        let keys = state.ready.iter().map(|&(key, _)| key).enumerate();
        let order = |&(_, key): &(usize, usize)| (!state.is_due(key), state.had(key));
        let (first, key) = keys.min_by_key(order)?;
        if !idle && !state.is_due(key) {
            return None;
        }
        let (_, connection) = state.ready.remove(first)?;
        self.ready.fetch_sub(1, Ordering::Relaxed);
        Some(connection)
    }

    /// Waits until there is one for the background, but no longer than `patience`.
    pub(crate) fn next_behind(&self, patience: Duration) -> Option<Connection> {
        self.idle_behind.fetch_add(1, Ordering::Relaxed);
        let connection = self.behind.1.recv_timeout(patience).ok().flatten();
        self.idle_behind.fetch_sub(1, Ordering::Relaxed);
        connection
    }

    /// Whether the background lacks a thread: there is something to do, and none is idle.
    pub(crate) fn lacks_thread(&self) -> bool {
        !self.behind.1.is_empty() && self.idle_behind.load(Ordering::Relaxed) == 0
    }

    fn make_ready(&self, state: &mut State, key: usize, mut connection: Connection) {
        if state.place(key) == Place::Front {
            state.ready.push_back((key, connection));
            self.ready.fetch_add(1, Ordering::Relaxed);
        } else {
            state.behind += 1;
            connection.is_behind = true;
            // It cannot fail while there is a receiver, which is here.
            let _ = self.behind.0.send(Some(connection));
        }
    }

    /// Gives room to those in line, as far as there is some.
    fn promote(&self, state: &mut State) {
        while let Some((key, connection)) = state.take_waiting() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.make_ready(state, key, connection);
        }
    }

    /// Takes those that have waited past their deadlines.
    pub(crate) fn take_expired(&self, now: Instant) -> Vec<Connection> {
        self.take_all(&mut self.state(), |connection| connection.deadline <= now)
    }

    /// Closes the connections that wait, and has so many threads in the background end.
    pub(crate) fn dismiss(&self, threads: usize) {
        let waiting = self.take_all(&mut self.state(), |_| true);
        // Outside of the lock: a connection may be the last to keep its lane.
        drop(waiting);
        self.behind.1.try_iter().for_each(drop);
        for _ in 0..threads {
            let _ = self.behind.0.send(None);
        }
    }

    fn take_all(
        &self,
        state: &mut State,
        is_over: impl Fn(&Connection) -> bool,
    ) -> Vec<Connection> {
        let mut taken = Vec::new();
        for key in mem::take(&mut state.backlog) {
            let Some(room) = state.lanes.get_mut(key) else { continue };
            let over = room.line.iter().position(|connection| !is_over(connection));
            let over = over.unwrap_or(room.line.len());
            taken.extend(room.line.drain(..over));
            if !room.line.is_empty() {
                state.backlog.push_back(key);
            }
            state.each(key, |room| room.waiting = room.waiting.saturating_sub(over));
            self.waiting.fetch_sub(over, Ordering::Relaxed);
        }
        for (key, connection) in mem::take(&mut state.ready) {
            if is_over(&connection) {
                state.each(key, |room| room.running = room.running.saturating_sub(1));
                self.ready.fetch_sub(1, Ordering::Relaxed);
                taken.push(connection);
            } else {
                state.ready.push_back((key, connection));
            }
        }
        self.promote(state);
        taken
    }

    /// How many requests wait for room.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A lane and those around it, outwards.
    fn chain(&self, key: usize) -> impl Iterator<Item = &Room> {
        let room = |key: usize| self.lanes.get(key);
        std::iter::successors(room(key), move |inner| inner.parent.and_then(room))
    }

    fn each(&mut self, key: usize, change: impl Fn(&mut Room)) {
        let mut next = Some(key);
        while let Some(room) = next.and_then(|key| self.lanes.get_mut(key)) {
            change(room);
            next = room.parent;
        }
    }

    fn has_room(&self, key: usize) -> bool {
        // Who goes last must not have all the room for as long as that takes.
        (self.behind < self.most_behind || self.place(key) == Place::Front)
            && self.chain(key).all(|room| room.running < room.quota.max_concurrent_requests)
    }

    fn can_wait(&self, key: usize) -> bool {
        self.chain(key).all(|room| room.waiting < room.quota.max_queue)
    }

    /// Takes the next in line who has room by now, and gives it that. Of several it is one
    /// of the tenant that has had least.
    fn take_waiting(&mut self) -> Option<(usize, Connection)> {
        let candidates = self.backlog.iter().copied().enumerate();
        let with_room = candidates.filter(|&(_, key)| self.has_room(key));
        let (place, key) = with_room.min_by_key(|&(_, key)| self.had(key))?;
        self.backlog.remove(place);
        let room = self.lanes.get_mut(key)?;
        let connection = room.line.pop_front()?;
        if !room.line.is_empty() {
            self.backlog.push_back(key);
        }
        self.each(key, |room| {
            room.waiting = room.waiting.saturating_sub(1);
            room.running += 1;
        });
        Some((key, connection))
    }

    fn is_within_rates(&self, key: usize, now: Instant) -> bool {
        self.chain(key).all(|room| room.bucket.has_token(room.quota.rate, now))
    }

    fn take_tokens(&mut self, key: usize, now: Instant) {
        self.each(key, |room| room.bucket.take_token(room.quota.rate, now));
    }

    /// The lane whose share counts: a tenant's.
    fn tenant(&self, key: usize) -> Option<usize> {
        self.lanes.get(key).and_then(|room| room.parent)
    }

    fn had(&self, key: usize) -> Duration {
        let tenant = self.tenant(key).and_then(|key| self.lanes.get(key));
        tenant.map_or(Duration::ZERO, |tenant| tenant.share.had())
    }

    /// Whether the lane's tenant has had no more than its share, and owes nothing for
    /// handlers that ran for long.
    fn is_due(&self, key: usize) -> bool {
        let tenant = self.tenant(key).and_then(|key| self.lanes.get(key));
        tenant.is_none_or(|tenant| {
            let owes = tenant.account.as_ref().is_some_and(|account| account.owes());
            self.clock.is_due(&tenant.share) && !owes
        })
    }

    /// Where the lane's requests run. It is the background for those that are not due, unless
    /// they take so little that the way there would be longer.
    fn place(&self, key: usize) -> Place {
        if self.is_quick(key) || self.is_due(key) { Place::Front } else { Place::Background }
    }

    /// Whether the lane's requests take so little that to let one wait is not worth it.
    fn is_quick(&self, key: usize) -> bool {
        self.lanes.get(key).is_none_or(|room| room.pace < QUICK)
    }

    fn charge(&mut self, key: usize, busy: Duration, now: Instant) {
        let State { lanes, clock, .. } = self;
        let tenant = lanes.get(key).and_then(|room| room.parent);
        if let Some(tenant) = tenant.and_then(|key| lanes.get_mut(key)) {
            clock.charge(&mut tenant.share, busy, now);
        }
    }
}

impl Lane {
    /// Changes what the lane has room for. Those who run or wait stay.
    pub(crate) fn set_quota(&self, quota: Quota) {
        if let Some(room) = self.admission.state().lanes.get_mut(self.key) {
            room.quota = quota;
        }
    }

    /// How many requests run in it, and how many wait.
    pub(crate) fn occupancy(&self) -> (usize, usize) {
        let state = self.admission.state();
        state.lanes.get(self.key).map_or((0, 0), |room| (room.running, room.waiting))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.admission.state().lanes.try_remove(self.key);
    }
}
