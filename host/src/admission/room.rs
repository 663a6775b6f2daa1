//! Who has room: what each lane may have, what a tenant must leave to others, and what of both is
//! for the background.

use std::mem;
use std::time::Instant;

use super::lane::LaneState;
use super::lanes::State;
use crate::background::Place;
use crate::connection::Connection;
use crate::tenant::Quota;

/// What all tenants together may have, by their own bounds.
#[derive(Default)]
pub(super) struct Promised {
    /// How many may run.
    places: u128,
    /// How many may wait in line.
    line: u128,
}

impl Promised {
    fn add(&mut self, quota: Quota) {
        self.places += quota.max_concurrent_requests as u128;
        self.line += quota.max_queue as u128;
    }

    fn take_back(&mut self, quota: Quota) {
        self.places = self.places.saturating_sub(quota.max_concurrent_requests as u128);
        self.line = self.line.saturating_sub(quota.max_queue as u128);
    }
}

/// Whether who has `own` of them, and may have `own_most`, leaves enough to others with one more,
/// where there are `most`, of which `used` are taken, and `promised` to all.
fn leaves_enough(
    (own, own_most): (usize, usize),
    (used, most): (usize, usize),
    promised: u128,
) -> bool {
    let others = promised.saturating_sub(own_most as u128);
    own < most.saturating_sub(used) || (own as u128) < (most as u128).saturating_sub(others)
}

impl State {
    pub(super) fn has_room(&self, key: usize, now: Instant) -> bool {
        (self.place(key, now) == Place::Front || self.may_go_to_background(key))
            && !self.chain(key).any(LaneState::is_full)
            && self.tenant(key).is_none_or(|tenant| self.leaves_places(tenant))
    }

    /// Whether a tenant, with one place more, leaves others enough: it has no more than are free,
    /// but for those that nobody else may have. So some tenants whose handlers only wait have not
    /// all places, for as long as they wait.
    pub(super) fn leaves_places(&self, tenant: usize) -> bool {
        let Some((server, tenant)) = self.server_of(tenant) else { return true };
        let places = |lane: &LaneState| (lane.running, lane.quota.max_concurrent_requests);
        leaves_enough(places(tenant), places(server), self.promised.places)
    }

    /// The same of places in line.
    pub(super) fn leaves_line(&self, tenant: usize) -> bool {
        let Some((server, tenant)) = self.server_of(tenant) else { return true };
        let line = |lane: &LaneState| (lane.waiting, lane.quota.max_queue);
        leaves_enough(line(tenant), line(server), self.promised.line)
    }

    fn server_of(&self, tenant: usize) -> Option<(&LaneState, &LaneState)> {
        let tenant = self.lanes.get(tenant)?;
        Some((self.lanes.get(tenant.parent?)?, tenant))
    }

    pub(super) fn set_quota(&mut self, key: usize, quota: Quota) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        let before = mem::replace(&mut lane.quota, quota);
        if lane.is_tenant() {
            self.promised.take_back(before);
            self.promised.add(quota);
        }
    }

    pub(super) fn insert(&mut self, lane: LaneState) -> usize {
        if lane.is_tenant() {
            self.promised.add(lane.quota);
        }
        self.lanes.insert(lane)
    }

    pub(super) fn remove(&mut self, key: usize) {
        let Some(lane) = self.lanes.try_remove(key) else { return };
        if lane.is_tenant() {
            self.promised.take_back(lane.quota);
        }
        if lane.is_active {
            // Another lane may have its number soon.
            self.active.retain(|&active| active != key);
        }
    }

    /// Whether another request of the lane may be for the background. Who goes last must not
    /// have all the room for as long as that takes; and no tenant has more of what there is
    /// than it leaves to others, of whom each may have one, or those who only wait there would
    /// keep out those who want to compute.
    pub(super) fn may_go_to_background(&self, key: usize) -> bool {
        let tenant = self.tenant(key).and_then(|key| self.lanes.get(key));
        let own = tenant.map_or(self.in_background, |tenant| tenant.in_background);
        if own == 0 {
            let all = self.max_in_background.saturating_add(self.max_in_background / 2);
            return self.in_background < all.max(1);
        }
        own < self.max_in_background.saturating_sub(self.in_background)
    }

    /// Counts that a request of the lane is for the background from now on, or no longer.
    pub(super) fn set_in_background(&mut self, key: usize, in_background: bool) {
        let count = |number: &mut usize| {
            *number = if in_background { *number + 1 } else { number.saturating_sub(1) };
        };
        count(&mut self.in_background);
        if let Some(tenant) = self.tenant(key).and_then(|key| self.lanes.get_mut(key)) {
            count(&mut tenant.in_background);
        }
    }

    /// Takes its slot from a request of the lane.
    pub(super) fn give_back(&mut self, key: usize, connection: &mut Connection) {
        if connection.slot.take() == Some(Place::Background) {
            self.set_in_background(key, false);
        }
        self.each(key, |lane| lane.running = lane.running.saturating_sub(1));
    }

    /// Gives a request of the lane room to run.
    pub(super) fn begin(&mut self, key: usize) {
        self.each(key, |lane| lane.running += 1);
        if let Some(tenant) = self.tenant(key)
            && let Some(lane) = self.lanes.get_mut(tenant)
            && !mem::replace(&mut lane.is_active, true)
        {
            self.active.push(tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::account::Account;

    /// The lanes of three tenants, each of which may have so many of that many places.
    fn three_tenants(state: &mut State, all: usize, each: [usize; 3]) -> [usize; 3] {
        let quota = |max_concurrent_requests| Quota { max_concurrent_requests, ..Quota::default() };
        let root_lane = state.insert(LaneState::new(None, quota(all), None));
        each.map(|most| {
            let account = Some(Arc::new(Account::new("tenant")));
            let tenant = state.insert(LaneState::new(Some(root_lane), quota(most), account));
            state.insert(LaneState::new(Some(tenant), Quota::default(), None))
        })
    }

    /// How many places each takes that takes all it can, one after the other.
    fn taken(all: usize, each: [usize; 3]) -> [usize; 3] {
        let mut state = State::default();
        let now = Instant::now();
        three_tenants(&mut state, all, each).map(|lane| {
            let mut count = 0;
            while state.has_room(lane, now) {
                state.begin(lane);
                count += 1;
            }
            count
        })
    }

    #[test]
    fn nobody_takes_the_places_of_others() {
        assert_eq!(taken(64, [64, 64, 64]), [32, 16, 8]);
        assert_eq!(taken(64, [16, 64, 64]), [16, 24, 12]);
        assert_eq!(taken(1, [1, 1, 1]), [1, 0, 0]);
    }

    #[test]
    fn what_nobody_else_may_have_is_a_tenants_own() {
        assert_eq!(taken(64, [40, 16, 8]), [40, 16, 8]);
        assert_eq!(taken(64, [60, 2, 8]), [54, 2, 4]);
    }

    #[test]
    fn what_tenants_may_have_together_changes_with_them() {
        let mut state = State::default();
        let [one, other, _] = three_tenants(&mut state, 10, [4, 4, 4]);
        assert_eq!(state.promised.places, 12);
        let tenant = state.tenant(one).unwrap();
        state.set_quota(tenant, Quota { max_concurrent_requests: 6, ..Quota::default() });
        assert_eq!(state.promised.places, 14);
        state.set_quota(one, Quota::default());
        state.remove(state.tenant(other).unwrap());
        assert_eq!(state.promised.places, 10);
    }

    #[test]
    fn nobody_fills_the_background_for_others() {
        let mut state = State::default();
        state.max_in_background = 32;
        let quota = Quota::default();
        let root_lane = state.lanes.insert(LaneState::new(None, quota, None));
        let mut lane = || {
            let tenant = state.lanes.insert(LaneState::new(Some(root_lane), quota, None));
            state.lanes.insert(LaneState::new(Some(tenant), quota, None))
        };
        let lanes = [lane(), lane(), lane()];
        let had = lanes.map(|lane| {
            let places = (0..100).take_while(|_| {
                let may = state.may_go_to_background(lane);
                if may {
                    state.set_in_background(lane, true);
                }
                may
            });
            places.count()
        });
        assert_eq!(had, [16, 8, 4]);
        (0..had[0]).for_each(|_| state.set_in_background(lanes[0], false));
        assert!(lanes.iter().all(|&lane| state.may_go_to_background(lane)));
    }
}
