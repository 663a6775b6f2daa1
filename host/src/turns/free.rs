//! The turns that nobody has, and who waits for one.
//!
//! Threads rest until there is something to do for one more; handlers that have waited come
//! back. A free turn goes now to one who comes back and now to one who rests: somebody must
//! look at sockets, too.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// How long those who have turns are busy with sockets, all together, before one gives way.
const GIVE_WAY: Duration = Duration::from_micros(250);

pub(super) struct FreeTurns {
    state: Mutex<State>,
    /// How many wait to come back; changed under the lock.
    coming_back: AtomicUsize,
    /// That there is a turn for one who rests, and for one who comes back.
    may_work: Condvar,
    may_come_back: Condvar,
}

#[derive(Default)]
struct State {
    count: usize,
    /// How many rest, and whether the next turn is for one of them, as one has come back.
    resting: usize,
    is_for_resting: bool,
    /// When one last gave way, or began to look at sockets while others waited to come back.
    gave_way: Option<Instant>,
    ended: bool,
}

impl State {
    /// One who has a turn looks at sockets from now on, though others may wait to come back.
    fn look_at_sockets(&mut self, are_awaited: bool) {
        self.is_for_resting = false;
        if are_awaited {
            self.gave_way = Some(Instant::now());
        }
    }

    /// Whether there is a turn for one who comes back.
    fn has_one_to_come_back_to(&self) -> bool {
        self.count > 0 && !(self.is_for_resting && self.resting > 0)
    }
}

impl FreeTurns {
    pub(super) fn new(count: usize) -> FreeTurns {
        FreeTurns {
            state: Mutex::new(State { count, ..State::default() }),
            coming_back: AtomicUsize::new(0),
            may_work: Condvar::new(),
            may_come_back: Condvar::new(),
        }
    }

    /// Gives one for others to take.
    pub(super) fn give(&self) {
        let mut state = self.state.lock();
        state.count += 1;
        self.wake(&state);
    }

    /// Rests until there is one, and takes it. False when there will be none.
    pub(super) fn take(&self) -> bool {
        let mut state = self.state.lock();
        state.resting += 1;
        while !state.ended && (state.count == 0 || !self.is_for_resting(&state)) {
            self.may_work.wait(&mut state);
        }
        state.resting -= 1;
        if state.ended {
            return false;
        }
        state.count -= 1;
        state.look_at_sockets(self.are_awaited());
        self.wake(&state);
        true
    }

    /// Waits for one to come back to, until `deadline`, and takes it. Says whether there was one.
    /// `nudge` has those who have turns, and may all wait for sockets, look whether they should
    /// give way.
    pub(super) fn take_back(&self, deadline: Instant, nudge: impl Fn()) -> bool {
        let mut state = self.state.lock();
        self.coming_back.fetch_add(1, Ordering::SeqCst);
        if !state.has_one_to_come_back_to() {
            drop(state);
            nudge();
            state = self.state.lock();
        }
        while !state.has_one_to_come_back_to() && !state.ended {
            if self.may_come_back.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        let are_others = self.coming_back.fetch_sub(1, Ordering::SeqCst) > 1;
        let is_back = state.has_one_to_come_back_to();
        if is_back {
            state.count -= 1;
            state.is_for_resting = true;
        }
        self.wake(&state);
        let is_last = state.count == 0;
        drop(state);
        if are_others && is_last {
            // One nudge may have been for several.
            nudge();
        }
        is_back
    }

    /// Whether anybody waits to come back.
    pub(super) fn are_awaited(&self) -> bool {
        self.coming_back.load(Ordering::SeqCst) > 0
    }

    /// Whether it is time that one who has a turn, and whom sockets keep busy, gives way to one
    /// who comes back. It must do so then.
    pub(super) fn must_give_way(&self) -> bool {
        let mut state = self.state.lock();
        if state.is_for_resting {
            // This one does what they would be woken for.
            state.look_at_sockets(true);
            // One who rests may have been woken for this, and is not to have it.
            self.wake(&state);
            return false;
        }
        let now = Instant::now();
        let since = state.gave_way.map(|then| now.saturating_duration_since(then));
        let is_time = since.is_none_or(|since| since >= GIVE_WAY);
        if is_time {
            state.gave_way = Some(now);
        }
        is_time
    }

    /// Lets nobody take one any more.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
        self.may_work.notify_all();
        self.may_come_back.notify_all();
    }

    /// Wakes one who may take a turn, if there is one. Who takes one does the same: it may have
    /// been the other kind's turn.
    fn wake(&self, state: &State) {
        if state.count > 0 {
            let is_for_resting = self.is_for_resting(state);
            if is_for_resting { &self.may_work } else { &self.may_come_back }.notify_one();
        }
    }

    /// Whether the next is for one who rests, if there is any.
    fn is_for_resting(&self, state: &State) -> bool {
        let is_first = state.is_for_resting && state.resting > 0;
        is_first || self.coming_back.load(Ordering::Relaxed) == 0
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn late() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// Waits until so many rest.
    fn rest(free: &FreeTurns, count: usize) {
        while free.state.lock().resting < count {
            thread::yield_now();
        }
    }

    #[test]
    fn who_comes_back_and_who_rests_have_them_alternately() {
        let (free, nudges) = (FreeTurns::new(0), AtomicUsize::new(0));
        let nudge = || {
            nudges.fetch_add(1, Ordering::Relaxed);
        };
        thread::scope(|scope| {
            let rests = scope.spawn(|| free.take());
            rest(&free, 1);
            let comes_back = scope.spawn(|| free.take_back(late(), nudge));
            while !free.are_awaited() {
                thread::yield_now();
            }
            free.give();
            assert!(comes_back.join().unwrap());
            assert!(!rests.is_finished());
            // As if another waited, too.
            free.coming_back.store(1, Ordering::Relaxed);
            free.give();
            assert!(rests.join().unwrap());
        });
        assert_eq!(nudges.load(Ordering::Relaxed), 1);
        assert!(!free.state.lock().is_for_resting);
    }

    #[test]
    fn of_two_that_are_given_at_once_each_kind_has_one() {
        let free = FreeTurns::new(0);
        thread::scope(|scope| {
            let rests = scope.spawn(|| free.take());
            let comes_back = scope.spawn(|| free.take_back(late(), || {}));
            rest(&free, 1);
            (0..2).for_each(|_| free.give());
            assert!(rests.join().unwrap() && comes_back.join().unwrap());
        });
    }

    #[test]
    fn who_is_busy_gives_way_now_and_then() {
        let free = FreeTurns::new(0);
        assert!(free.must_give_way());
        free.state.lock().gave_way = Some(late());
        assert!(!free.must_give_way());
    }

    #[test]
    fn who_should_look_at_sockets_keeps_its_turn_for_that() {
        let free = FreeTurns::new(0);
        free.state.lock().is_for_resting = true;
        assert!(!free.must_give_way());
        assert!(free.state.lock().gave_way.take().is_some());
        assert!(free.must_give_way());
    }

    #[test]
    fn who_waits_until_its_deadline_has_none() {
        let free = FreeTurns::new(0);
        assert!(!free.take_back(Instant::now() + Duration::from_millis(10), || {}));
        assert!(!free.are_awaited());
    }

    #[test]
    fn who_waits_is_woken_at_the_end() {
        let free = FreeTurns::new(0);
        thread::scope(|scope| {
            let rests = scope.spawn(|| free.take());
            let comes_back = scope.spawn(|| free.take_back(late(), || {}));
            free.end();
            assert!(!rests.join().unwrap() && !comes_back.join().unwrap());
        });
    }

    #[test]
    fn a_turn_that_who_rests_is_not_to_have_is_there_to_come_back_to() {
        let (free, deadline) = (&FreeTurns::new(0), late());
        thread::scope(|scope| {
            let rests = scope.spawn(|| free.take());
            rest(free, 1);
            let is_back = scope.spawn(|| free.take_back(deadline, || {}));
            while !free.are_awaited() {
                thread::yield_now();
            }
            // As if one who rests had been woken, and had not come to it yet.
            let mut state = free.state.lock();
            (state.count, state.is_for_resting) = (1, true);
            drop(state);
            assert!(!free.must_give_way());
            let came_back = is_back.join().unwrap() && Instant::now() < deadline;
            free.end();
            assert!(!rests.join().unwrap());
            assert!(came_back);
        });
    }
}
