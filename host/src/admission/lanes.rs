//! The tree of lanes: what each has room for, who waits in it, and who is next.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use slab::Slab;

use super::lane::LaneState;
use super::room::Promised;
use crate::background::Place;
use crate::connection::Connection;
use crate::fairness::Clock;
use crate::{Fault, Limit};

/// The limits of a lane's line, and its rate's, from a route's lane outwards. The server has
/// no rate.
const QUEUES: [Limit; 3] = [Limit::RouteQueue, Limit::TenantQueue, Limit::ServerQueue];
const RATES: [Limit; 2] = [Limit::RouteRate, Limit::TenantRate];

/// All lanes, and those who wait in them.
#[derive(Default)]
pub(super) struct State {
    pub(super) lanes: Slab<LaneState>,
    /// The tenants' lanes with somebody in line, in the order in which they are looked at.
    backlog: VecDeque<usize>,
    /// Those who have room and wait for a thread in front, with their lanes.
    pub(super) ready: VecDeque<(usize, Connection)>,
    pub(super) promised: Promised,
    /// How many have room and are for the background, or run there, and how many may.
    pub(super) in_background: usize,
    pub(super) max_in_background: usize,
    /// The lanes of tenants that have had requests which run since these were last looked at.
    pub(super) active: Vec<usize>,
    clock: Clock,
}

impl State {
    /// A lane and those around it, outwards.
    pub(super) fn chain(&self, key: usize) -> impl Iterator<Item = &LaneState> {
        let lane = |key: usize| self.lanes.get(key);
        std::iter::successors(lane(key), move |inner| inner.parent.and_then(lane))
    }

    pub(super) fn each(&mut self, key: usize, change: impl Fn(&mut LaneState)) {
        let mut next = Some(key);
        while let Some(lane) = next.and_then(|key| self.lanes.get_mut(key)) {
            change(lane);
            next = lane.parent;
        }
    }

    /// The limit that lets no more requests of the lane wait, if there is one.
    pub(super) fn full_queue(&self, key: usize) -> Option<Limit> {
        let mut queues = self.chain(key).zip(QUEUES);
        let full = queues.find(|(lane, _)| lane.waiting >= lane.quota.max_queue);
        full.map(|(_, limit)| limit)
            .or_else(|| (!self.leaves_line(self.tenant(key)?)).then_some(Limit::ServerQueue))
    }

    /// Has a request wait in line.
    pub(super) fn wait(&mut self, key: usize, connection: Connection) {
        self.each(key, |lane| lane.waiting += 1);
        let Some(lane) = self.lanes.get_mut(key) else { return };
        lane.line.push_back(connection);
        if lane.line.len() == 1 {
            self.look_at_last(key);
        }
    }

    /// Has a lane with a line looked at after all others of its tenant, and that after all others
    /// if it had no line yet.
    fn look_at_last(&mut self, key: usize) {
        let Some(tenant) = self.tenant(key) else { return };
        if let Some(lane) = self.lanes.get_mut(tenant) {
            lane.backlog.push_back(key);
            if lane.backlog.len() == 1 {
                self.backlog.push_back(tenant);
            }
        }
    }

    /// Takes the next in line who has room by now, and gives it that. Of several it is one of a
    /// tenant that has no place, or else of the one that has had least.
    pub(super) fn take_waiting(&mut self, now: Instant) -> Option<(usize, Connection)> {
        let tenants = self.backlog.iter().copied().enumerate();
        let with_room = tenants.filter_map(|(place, tenant)| {
            let (place_within, key) = self.first_with_room(tenant, now)?;
            Some((place, place_within, key))
        });
        let (place, place_within, key) =
            with_room.min_by_key(|&(_, _, key)| (self.has_place(key), self.had(key)))?;
        let tenant = self.backlog.remove(place)?;
        let lane = self.lanes.get_mut(tenant)?;
        lane.backlog.remove(place_within);
        if !lane.backlog.is_empty() {
            self.backlog.push_back(tenant);
        }
        let lane = self.lanes.get_mut(key)?;
        let connection = lane.line.pop_front()?;
        if !lane.line.is_empty() {
            self.look_at_last(key);
        }
        self.each(key, |lane| lane.waiting = lane.waiting.saturating_sub(1));
        self.begin(key);
        Some((key, connection))
    }

    /// The first lane of a tenant with somebody in line who has room, and its place among them.
    /// Those of one that is full are not looked at, however many they are.
    fn first_with_room(&self, tenant: usize, now: Instant) -> Option<(usize, usize)> {
        if self.chain(tenant).any(LaneState::is_full) || !self.leaves_places(tenant) {
            return None;
        }
        let mut lanes = self.lanes.get(tenant)?.backlog.iter().copied().enumerate();
        lanes.find(|&(_, key)| self.has_room(key, now))
    }

    /// Takes those from the beginning of each line for whom that is so.
    pub(super) fn take_from_lines(
        &mut self,
        is_so: impl Fn(&Connection) -> bool,
    ) -> Vec<Connection> {
        let mut taken = Vec::new();
        for tenant in mem::take(&mut self.backlog) {
            let Some(lane) = self.lanes.get_mut(tenant) else { continue };
            for key in mem::take(&mut lane.backlog) {
                let Some(lane) = self.lanes.get_mut(key) else { continue };
                let over = lane.line.iter().position(|connection| !is_so(connection));
                let over = over.unwrap_or(lane.line.len());
                taken.extend(lane.line.drain(..over));
                if !lane.line.is_empty() {
                    self.look_at_last(key);
                }
                self.each(key, |lane| lane.waiting = lane.waiting.saturating_sub(over));
            }
        }
        taken
    }

    /// Whether another request of the lane is within all rates.
    pub(super) fn check_rates(&self, key: usize, now: Instant) -> Result<(), Fault> {
        let waits = self.chain(key).zip(RATES).filter_map(|(lane, limit)| {
            let fill = lane.quota.rate?.into();
            let has_token = lane.bucket.has(1.0, fill, now);
            (!has_token).then(|| (lane.bucket.wait(1.0, fill, now), limit))
        });
        match waits.max_by_key(|&(wait, _)| wait) {
            Some((retry_after, limit)) => Err(Fault::Overloaded { limit, retry_after }),
            None => Ok(()),
        }
    }

    pub(super) fn take_tokens(&mut self, key: usize, now: Instant) {
        self.each(key, |lane| {
            if let Some(rate) = lane.quota.rate {
                lane.bucket.take(1.0, rate.into(), now);
            }
        });
    }

    /// The lane whose share counts: a tenant's.
    pub(super) fn tenant(&self, key: usize) -> Option<usize> {
        self.lanes.get(key).and_then(|lane| lane.parent)
    }

    /// Whether a request of the lane's tenant has a place.
    fn has_place(&self, key: usize) -> bool {
        let tenant = self.tenant(key).and_then(|key| self.lanes.get(key));
        tenant.is_some_and(|tenant| tenant.running > 0)
    }

    pub(super) fn had(&self, key: usize) -> Duration {
        let tenant = self.tenant(key).and_then(|key| self.lanes.get(key));
        tenant.map_or(Duration::ZERO, |tenant| tenant.spent.had())
    }

    /// Whether the lane's tenant has had no more than its share, and owes nothing for
    /// handlers that ran for long.
    pub(super) fn is_due(&self, key: usize, now: Instant) -> bool {
        let tenant = self.tenant(key).and_then(|key| self.lanes.get(key));
        tenant.is_none_or(|tenant| {
            let owes = tenant.account.as_ref().is_some_and(|account| account.owes());
            self.clock.is_due(&tenant.spent, now) && !owes
        })
    }

    /// Where the lane's requests run. It is the background for those that are not due, unless
    /// they take so little that the way there would be longer.
    pub(super) fn place(&self, key: usize, now: Instant) -> Place {
        if self.is_quick(key) || self.is_due(key, now) { Place::Front } else { Place::Background }
    }

    /// Whether the lane's requests take so little that to let one wait is not worth it.
    pub(super) fn is_quick(&self, key: usize) -> bool {
        self.lanes.get(key).is_none_or(LaneState::is_quick)
    }

    /// Counts that a request of the lane kept a processor busy.
    pub(super) fn charge(&mut self, key: usize, busy: Duration, now: Instant) {
        let State { lanes, clock, active, .. } = self;
        if clock.begin_window(now) {
            active.retain(|&key| {
                let Some(lane) = lanes.get_mut(key) else { return false };
                lane.is_active = lane.running > 0;
                // A tenant all of whose requests are in the background is active, too, unless its
                // long handlers are why they are there.
                let owes = || lane.account.as_ref().is_some_and(|account| account.owes());
                if self.in_background > 0 && lane.is_active && !owes() {
                    clock.count(&mut lane.spent, now);
                }
                lane.is_active
            });
        }
        let tenant = lanes.get(key).and_then(|lane| lane.parent);
        if let Some(tenant) = tenant.and_then(|key| lanes.get_mut(key)) {
            clock.charge(&mut tenant.spent, busy, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::account::Account;
    use crate::processors::processors;
    use crate::tenant::Quota;

    /// Whether one of two tenants is due that has all there is in front, when the other has so
    /// many requests in the background, and owes for them or not.
    fn is_due_beside(in_background: usize, owes: bool) -> bool {
        let mut state = State::default();
        let mut now = Instant::now();
        let quota = Quota::default();
        let root_lane = state.lanes.insert(LaneState::new(None, quota, None));
        let [greedy, other] = [(); 2].map(|()| {
            let account = Some(Arc::new(Account::new("tenant")));
            let tenant = state.lanes.insert(LaneState::new(Some(root_lane), quota, account));
            state.lanes.insert(LaneState::new(Some(tenant), quota, None))
        });
        if owes {
            let account = state.chain(other).find_map(|lane| lane.account.clone()).unwrap();
            account.set_bounds(None, None, false);
            while account.has_credit(Duration::from_millis(10)) {}
        }
        state.in_background = in_background;
        (0..in_background).for_each(|_| state.begin(other));
        let processors = processors();
        for _ in 0..1000 {
            now += Duration::from_millis(1);
            for _ in 0..processors {
                state.charge(greedy, Duration::from_millis(1), now);
            }
        }
        state.is_due(greedy, now)
    }

    #[test]
    fn who_is_in_the_background_is_counted_among_those_who_share() {
        assert!(is_due_beside(0, false));
        assert!(!is_due_beside(1, false));
    }

    #[test]
    fn who_owes_for_long_handlers_makes_nobodys_share_smaller() {
        assert!(is_due_beside(1, true));
    }
}
