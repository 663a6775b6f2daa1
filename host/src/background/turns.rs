//! The turns of threads in the background: as many as there are processors.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Sender, bounded};

/// Those that nobody has, and who waits for one. Who looks at them from outside waits for no
/// lock: a thread in the background may have it, and no processor.
#[derive(Debug)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug)]
struct State {
    count: usize,
    free: usize,
    waiting: VecDeque<Sender<()>>,
    /// Until when who has one does nothing with it.
    rest_until: Option<Instant>,
}

impl Turns {
    /// With as many as there are processors.
    pub(super) fn new() -> Turns {
        let count = thread::available_parallelism().map_or(1, NonZero::get);
        let waiting = VecDeque::new();
        Turns(Mutex::new(State { count, free: count, waiting, rest_until: None }))
    }

    /// Waits for one until `deadline`, and while they rest. Says whether there was one.
    pub(super) fn take(&self, deadline: Instant) -> bool {
        let has_turn = self.wait(deadline);
        // Nobody is to wait for the lock meanwhile.
        let rest_until = self.state().rest_until;
        if has_turn && let Some(until) = rest_until {
            thread::sleep(until.min(deadline).saturating_duration_since(Instant::now()));
        }
        has_turn
    }

    fn wait(&self, deadline: Instant) -> bool {
        let mut state = self.state();
        if state.free > 0 {
            state.free -= 1;
            return true;
        }
        let (sender, receiver) = bounded(1);
        state.waiting.push_back(sender.clone());
        drop(state);
        receiver.recv_deadline(deadline).is_ok() || {
            self.state().waiting.retain(|waiting| !waiting.same_channel(&sender));
            // It may have come just now.
            receiver.try_recv().is_ok()
        }
    }

    /// Gives one to who has waited longest.
    pub(super) fn give(&self) {
        let mut state = self.state();
        match state.waiting.pop_front() {
            // It has room for one, and a receiver for as long as it was in the line.
            Some(waiting) => drop(waiting.send(())),
            None => state.free += 1,
        }
    }

    /// Has all rest until then, if that can be said without waiting.
    pub(super) fn rest(&self, until: Instant) {
        if let Ok(mut state) = self.0.try_lock() {
            state.rest_until = Some(until);
        }
    }

    /// Whether anybody does anything with one, as far as is known without waiting.
    pub(super) fn is_any_used(&self, now: Instant) -> bool {
        self.0.try_lock().is_ok_and(|state| {
            state.free < state.count && state.rest_until.is_none_or(|until| until <= now)
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn late() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// Turns, all of which are taken.
    fn all_taken() -> Turns {
        let turns = Turns::new();
        while turns.state().free > 0 {
            assert!(turns.take(late()));
        }
        turns
    }

    #[test]
    fn a_turn_goes_to_who_has_waited_longest() {
        let (turns, order) = (&all_taken(), &Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for waiter in 0..3 {
                scope.spawn(move || {
                    assert!(turns.take(late()));
                    order.lock().unwrap().push(waiter);
                    turns.give();
                });
                while turns.state().waiting.len() <= waiter {
                    thread::yield_now();
                }
            }
            turns.give();
        });
        assert_eq!(*order.lock().unwrap(), [0, 1, 2]);
    }

    #[test]
    fn who_has_waited_in_vain_is_not_given_a_turn() {
        let turns = all_taken();
        assert!(!turns.take(Instant::now() + SOON));
        turns.give();
        assert_eq!(turns.state().free, 1);
    }

    #[test]
    fn who_takes_a_turn_rests_with_all_others() {
        let turns = Turns::new();
        assert!(!turns.is_any_used(Instant::now()));
        let until = Instant::now() + SOON;
        turns.rest(until);
        assert!(turns.take(late()));
        assert!(Instant::now() >= until);
        assert!(turns.is_any_used(until));
        assert!(!turns.is_any_used(until - SOON));
    }

    #[test]
    fn nobody_waits_for_who_rests() {
        let turns = Turns::new();
        let until = late();
        turns.rest(until);
        let deadline = Instant::now() + SOON * 50;
        thread::scope(|scope| {
            let resting = scope.spawn(|| turns.take(deadline));
            let is_any_taken = || {
                let state = turns.state();
                state.free < state.count
            };
            while !is_any_taken() {
                thread::yield_now();
            }
            thread::sleep(SOON);
            assert!(turns.0.try_lock().is_ok());
            assert!(!resting.is_finished());
        });
    }
}
