//! One lane: who keeps it, what it has room for, who runs and waits there, and how long that
//! takes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Admission, Run};
use crate::account::Account;
use crate::connection::Connection;
use crate::fairness::Spent;
use crate::rate::Bucket;
use crate::tenant::Quota;

/// What takes longer than this is not begun before threads have looked at all sockets:
/// while they are busy with it, they could not tell that there are too many requests.
const QUICK: Duration = Duration::from_micros(300);

/// What takes longer than this may have waited for something other than a processor.
const WAITED: Duration = Duration::from_millis(8);

/// How much is counted of one that took long. One alone, which something held up, does not
/// make its lane one of those that take long.
const MOST_LEARNT: Duration = Duration::from_millis(2);

/// A place in the tree, as long as it is kept.
pub(crate) struct Lane {
    pub(super) admission: Arc<Admission>,
    pub(super) key: usize,
}

impl Lane {
    /// Changes what the lane has room for. Those who run or wait stay.
    pub(crate) fn set_quota(&self, quota: Quota) {
        self.admission.state.lock().set_quota(self.key, quota);
    }

    /// How many requests run in it, and how many wait.
    pub(crate) fn occupancy(&self) -> (usize, usize) {
        let state = self.admission.state.lock();
        state.lanes.get(self.key).map_or((0, 0), |lane| (lane.running, lane.waiting))
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.admission.state.lock().remove(self.key);
    }
}

/// What one lane holds.
pub(super) struct LaneState {
    pub(super) parent: Option<usize>,
    pub(super) quota: Quota,
    pub(super) bucket: Bucket,
    /// How many requests run, in this lane and in those within it.
    pub(super) running: usize,
    /// How many wait there.
    pub(super) waiting: usize,
    /// How many of those that run are for the background, if this is a tenant's.
    pub(super) in_background: usize,
    /// Those that wait in this lane itself.
    pub(super) line: VecDeque<Connection>,
    /// The lanes within this one that have a line, in the order in which they are looked at, if
    /// this is a tenant's.
    pub(super) backlog: VecDeque<usize>,
    /// What the lane's tenant has in use, if it is one.
    pub(super) account: Option<Arc<Account>>,
    /// Whether it is among the active.
    pub(super) is_active: bool,
    /// What the lane has had of the processors.
    pub(super) spent: Spent,
    /// How long its requests take of late: who waits keeps a thread, too.
    pace: Duration,
}

impl LaneState {
    pub(super) fn new(
        parent: Option<usize>,
        quota: Quota,
        account: Option<Arc<Account>>,
    ) -> LaneState {
        LaneState {
            parent,
            quota,
            bucket: Bucket::default(),
            running: 0,
            waiting: 0,
            in_background: 0,
            line: VecDeque::new(),
            backlog: VecDeque::new(),
            account,
            is_active: false,
            spent: Spent::default(),
            pace: Duration::ZERO,
        }
    }

    /// Whether it is a tenant's, within which its routes' are.
    pub(super) fn is_tenant(&self) -> bool {
        self.account.is_some()
    }

    pub(super) fn is_full(&self) -> bool {
        self.running >= self.quota.max_concurrent_requests
    }

    /// Whether its requests take so little that to let one wait is not worth it.
    pub(super) fn is_quick(&self) -> bool {
        self.pace < QUICK
    }

    /// Learns from a run how long the lane's requests take; from none it learns nothing.
    pub(super) fn learn(&mut self, run: &Run) {
        if run.took.is_zero() {
            return;
        }
        let took = if run.took < WAITED { run.busy } else { MOST_LEARNT };
        self.pace = (self.pace * 7 + took.min(MOST_LEARNT)) / 8;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::background::Place;

    fn run(took: Duration, busy: Duration) -> Run {
        Run { took, busy, place: Place::Front, ended: Instant::now() }
    }

    #[test]
    fn one_run_that_was_held_up_does_not_make_a_lane_long() {
        let (quick, long) = (Duration::from_micros(20), Duration::from_millis(50));
        let mut lane = LaneState::new(None, Quota::default(), None);
        for _ in 0..100 {
            lane.learn(&run(quick, quick));
        }
        // Others had the processor.
        lane.learn(&run(WAITED / 2, quick));
        assert!(lane.pace < QUICK / 10);
        lane.learn(&run(long, quick));
        assert!(lane.pace < QUICK);
        lane.learn(&run(long, quick));
        assert!(lane.pace >= QUICK);
    }
}
