//! Who may run now, who waits for room, and who is refused.
//!
//! Lanes make a tree: each route is within its tenant's lane, and all tenants are
//! within the server's. A request runs if there is room in its lane and in those
//! around it. If not it waits in line, as a complete request and not as a thread;
//! those over the line are refused at once, which is kinder than an answer that comes
//! too late.
//!
//! A tenant that has had more than its share of the processors waits, too, until the
//! others have had theirs or a thread has nothing else to do ([`fairness`]). So does a
//! request that will take long, until the threads have looked at all sockets.
//!
//! [`fairness`]: crate::fairness

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use slab::Slab;

use crate::connection::Connection;
use crate::fairness::{Clock, Share};
use crate::rate::Bucket;
use crate::tenant::Quota;

/// What takes longer than this waits in line, if only for a moment, so that threads look
/// at all sockets before they begin with it: they could not tell that there are too many
/// requests while they are busy with them.
const QUICK: Duration = Duration::from_micros(300);

/// All lanes of a server.
pub(crate) struct Admission {
    state: Mutex<State>,
    /// How many requests wait; known without the lock.
    waiting: AtomicUsize,
}

#[derive(Default)]
struct State {
    lanes: Slab<Room>,
    /// The lanes with a line of their own, in the order in which they are looked at.
    backlog: VecDeque<usize>,
    clock: Clock,
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
    /// It waits; whoever leaves, or has nothing to do, will run it.
    Waiting,
    /// There is no room, not even to wait.
    Refused(Connection),
}

impl Admission {
    /// A tree with the outermost lane, which stays.
    pub(crate) fn new(quota: Quota) -> (Arc<Admission>, Lane) {
        let admission =
            Arc::new(Admission { state: Mutex::default(), waiting: AtomicUsize::default() });
        let outermost = admission.add(None, quota);
        (admission, outermost)
    }

    /// Adds a lane within `parent`.
    pub(crate) fn within(self: &Arc<Self>, parent: &Lane, quota: Quota) -> Lane {
        self.add(Some(parent.key), quota)
    }

    fn add(self: &Arc<Self>, parent: Option<usize>, quota: Quota) -> Lane {
        let room = Room {
            parent,
            quota,
            bucket: Bucket::default(),
            running: 0,
            waiting: 0,
            line: VecDeque::new(),
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
        let may_wait = state.can_wait(lane.key);
        let at_once = state.is_due(lane.key) && state.is_quick(lane.key);
        if state.has_room(lane.key) && (at_once || !may_wait.ever) {
            state.take_tokens(lane.key, now);
            state.each(lane.key, |room| room.running += 1);
            Admitted::Run(connection)
        } else if may_wait.now {
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

    /// Ends a run that has kept a processor busy for so long.
    pub(crate) fn leave(&self, lane: &Lane, busy: Duration, now: Instant) {
        let mut state = self.state();
        if let Some(room) = state.lanes.get_mut(lane.key) {
            room.pace = (room.pace * 7 + busy) / 8;
        }
        state.each(lane.key, |room| room.running = room.running.saturating_sub(1));
        state.charge(lane.key, busy, now);
    }

    /// The next in line who has room; it has it already then, and must be run. Of several
    /// it is one of the tenant that has had least. A tenant that has had more than its
    /// share is passed over, unless the thread is idle.
    pub(crate) fn next(&self, idle: bool) -> Option<Connection> {
        let mut state = self.state();
        let candidates = state.backlog.iter().copied().enumerate();
        let with_room = candidates.filter(|&(_, key)| state.has_room(key));
        let (place, key) = with_room.min_by_key(|&(_, key)| state.had(key))?;
        if !idle && !state.is_due(key) {
            return None;
        }
        state.backlog.remove(place);
        let room = state.lanes.get_mut(key)?;
        let connection = room.line.pop_front()?;
        if !room.line.is_empty() {
            state.backlog.push_back(key);
        }
        state.each(key, |room| {
            room.waiting = room.waiting.saturating_sub(1);
            room.running += 1;
        });
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(connection)
    }

    /// Takes those that have waited past their deadlines.
    pub(crate) fn take_expired(&self, now: Instant) -> Vec<Connection> {
        let mut state = self.state();
        self.take_lines(&mut state, |connection| connection.deadline <= now)
    }

    /// Closes the connections that wait.
    pub(crate) fn dismiss(&self) {
        let waiting = self.take_lines(&mut self.state(), |_| true);
        // Outside of the lock: a connection may be the last to keep its lane.
        drop(waiting);
    }

    /// Takes from the head of each line as long as `is_over`.
    fn take_lines(
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
        taken
    }

    /// How many requests wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request may wait in its lane.
struct MayWait {
    /// There is room in line.
    now: bool,
    /// There is a line.
    ever: bool,
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
        self.chain(key).all(|room| room.running < room.quota.max_concurrent_requests)
    }

    fn can_wait(&self, key: usize) -> MayWait {
        MayWait {
            now: self.chain(key).all(|room| room.waiting < room.quota.max_queue),
            ever: self.chain(key).all(|room| room.quota.max_queue > 0),
        }
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

    /// Whether the lane's tenant has not had more than its share.
    fn is_due(&self, key: usize) -> bool {
        let tenant = self.tenant(key).and_then(|key| self.lanes.get(key));
        tenant.is_none_or(|tenant| self.clock.is_due(&tenant.share))
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
