//! What was counted for tenants that are served no more, and still is for their last requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{TenantTally, Times};

/// The latencies of tenants that a reload removed.
#[derive(Debug, Default)]
pub(crate) struct Retired(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Those whose requests may not all have ended.
    tallies: Vec<Arc<TenantTally>>,
    /// Of all others, together.
    ended: Times,
}

impl Retired {
    pub(crate) fn add(&self, tally: Arc<TenantTally>) {
        self.state().tallies.push(tally);
    }

    /// How long requests took, in sum over all but those that are still served after all.
    pub(crate) fn latency(&self, is_served: impl Fn(&Arc<TenantTally>) -> bool) -> Times {
        let state = self.state();
        let mut latency = state.ended.clone();
        let retired = state.tallies.iter().filter(|tally| !is_served(tally));
        retired.for_each(|tally| latency.add(&tally.total.times()));
        latency
    }

    /// The state, without the tallies into which nobody counts any more.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let State { tallies, ended } = &mut *state;
        for tally in tallies.extract_if(.., |tally| Arc::strong_count(tally) == 1) {
            ended.add(&tally.total.times());
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_last_requests_of_a_tenant_count_and_are_counted_once() {
        let retired = Retired::default();
        let tally = Arc::new(TenantTally::default());
        tally.total.count(Duration::from_millis(1));
        retired.add(Arc::clone(&tally));
        assert_eq!(retired.latency(|_| true).count(), 0);
        assert_eq!(retired.latency(|_| false).count(), 1);
        tally.total.count(Duration::from_millis(1));
        drop(tally);
        for _ in 0..2 {
            assert_eq!(retired.latency(|_| false).count(), 2);
        }
        assert!(retired.state().tallies.is_empty());
    }
}
