//! Turns: how many request threads are at work at once.
//!
//! More threads at work than there are processors only take them from each other:
//! every hand-over costs a wake-up, and caches go cold. So a thread works only while
//! it has one of as many turns as there are processors; the others rest. But a handler
//! may compute for long, or wait. The thread that runs it then loses its turn to a
//! resting one, and rests when it is done. So a request costs no wake-up while
//! handlers are quick, and no client waits for long while some are slow.
//!
//! A handler that waits for a moment gives its turn up, and must come back to one: any number
//! may have waited for the same moment. Those who have turns give way to it, now and then if
//! sockets keep them busy, and at once if not. A turn that is free goes now to one who comes
//! back and now to one who rests: somebody must look at sockets, too.

use std::cell::RefCell;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::thread::{Pid, gettid};

use crate::nap::Nap;
use crate::processors::processors;

/// How often threads are looked at. A handler that is running at two looks in a row, so
/// for one to two times as long, costs its thread the turn. Were that as short as common
/// handlers take, all would run at once and each would take longer for it.
pub(crate) const LOOK: Duration = Duration::from_millis(4);

/// How long those who have turns are busy with sockets, all together, before one gives way.
const GIVE_WAY: Duration = Duration::from_micros(250);

/// What a seat says of its thread; any other value is the look after which its handler
/// began.
const AT_WORK: u64 = 0;
const WITHOUT_TURN: u64 = u64::MAX;

thread_local! {
    /// The present thread's seat, if it has one.
    static SEAT: RefCell<Option<(Arc<Turns>, usize)>> = const { RefCell::new(None) };
}

/// Gives up the present thread's turn, if it has one: what it waits for is no processor.
pub(crate) fn give_up() {
    on_seat(|seat| seat.leave());
}

/// Waits until the present thread, if it has a seat, has a turn for what it was at: until
/// `deadline` at the latest.
pub(crate) fn come_back(deadline: Instant) {
    on_seat(|seat| seat.come_back(deadline));
}

fn on_seat(act: impl FnOnce(Seat<'_>)) {
    SEAT.with_borrow(|seat| {
        if let Some(seat) = seat.as_ref().and_then(|(turns, number)| turns.seat(*number)) {
            act(seat);
        }
    });
}

/// The turns of a server's threads.
pub(crate) struct Turns {
    /// One for each thread.
    seats: Box<[AtomicU64]>,
    /// The kernel's numbers of those who sit there.
    threads: Box<[AtomicI32]>,
    /// How many looks there were; counts from 1.
    looks: AtomicU64,
    free: Mutex<Free>,
    /// How many wait to come back; changed under the lock.
    coming_back: AtomicUsize,
    /// That there is a turn for one who rests, and for one who comes back.
    may_work: Condvar,
    may_come_back: Condvar,
    /// Has one who has a turn and nothing to do look whether there is something.
    nudge: Box<dyn Fn() + Send + Sync>,
    /// That of the thread that looks.
    pub(crate) nap: Nap,
}

struct Free {
    turns: usize,
    /// How many rest, and whether the next turn is for one of them, as one has come back.
    resting: usize,
    is_for_resting: bool,
    /// When one last gave way, or began to look at sockets while others waited to come back.
    gave_way: Option<Instant>,
    ended: bool,
}

impl Turns {
    /// As many turns as processors, for so many threads. `nudge` has one who has a turn and
    /// nothing to do look whether there is something.
    pub(crate) fn new(threads: usize, nudge: impl Fn() + Send + Sync + 'static) -> Turns {
        let turns = processors();
        Turns {
            seats: (0..threads).map(|_| AtomicU64::new(WITHOUT_TURN)).collect(),
            threads: (0..threads).map(|_| AtomicI32::default()).collect(),
            looks: AtomicU64::new(1),
            free: Mutex::new(Free {
                turns,
                resting: 0,
                is_for_resting: false,
                gave_way: None,
                ended: false,
            }),
            coming_back: AtomicUsize::new(0),
            may_work: Condvar::new(),
            may_come_back: Condvar::new(),
            nudge: Box::new(nudge),
            nap: Nap::new(),
        }
    }

    /// The place of one thread, by its number.
    pub(crate) fn seat(&self, number: usize) -> Option<Seat<'_>> {
        Some(Seat { turns: self, state: self.seats.get(number)? })
    }

    /// Makes a seat the present thread's own.
    pub(crate) fn sit(self: &Arc<Self>, number: usize) {
        if let Some(thread) = self.threads.get(number) {
            thread.store(gettid().as_raw_nonzero().get(), Ordering::Relaxed);
        }
        SEAT.set(Some((Arc::clone(self), number)));
    }

    /// Takes the turns of threads whose handlers have run for long and gives them to
    /// others. Says whether any handler was running.
    pub(crate) fn look(&self) -> bool {
        let look = self.looks.fetch_add(1, Ordering::Relaxed);
        let mut any = false;
        for seat in &self.seats {
            let state = seat.load(Ordering::Relaxed);
            if state == AT_WORK || state == WITHOUT_TURN {
                continue;
            }
            any = true;
            let long = state < look;
            let take = |seat: &AtomicU64| {
                seat.compare_exchange(state, WITHOUT_TURN, Ordering::Relaxed, Ordering::Relaxed)
            };
            if long && take(seat).is_ok() {
                self.release();
            }
        }
        any
    }

    /// Whether any handler is running that may cost a turn.
    pub(crate) fn are_at_risk(&self) -> bool {
        let is_at_risk = |state| state != AT_WORK && state != WITHOUT_TURN;
        self.seats.iter().any(|seat| is_at_risk(seat.load(Ordering::SeqCst)))
    }

    /// The threads that have a turn.
    pub(crate) fn at_work(&self) -> impl Iterator<Item = Pid> {
        let seats = self.seats.iter().zip(&self.threads);
        seats
            .filter(|(seat, _)| seat.load(Ordering::Relaxed) != WITHOUT_TURN)
            .filter_map(|(_, thread)| Pid::from_raw(thread.load(Ordering::Relaxed)))
    }

    /// Lets no thread have a turn any more.
    pub(crate) fn end(&self) {
        self.free().ended = true;
        self.may_work.notify_all();
        self.may_come_back.notify_all();
    }

    /// Whether anybody waits to come back.
    pub(crate) fn are_awaited(&self) -> bool {
        self.coming_back.load(Ordering::SeqCst) > 0
    }

    /// Has another thread have a turn.
    fn release(&self) {
        let mut free = self.free();
        free.turns += 1;
        self.wake(&free);
    }

    /// Wakes one who may take a turn, if there is one.
    fn wake(&self, free: &Free) {
        if free.turns > 0 {
            let is_for_resting = self.is_for_resting(free);
            if is_for_resting { &self.may_work } else { &self.may_come_back }.notify_one();
        }
    }

    /// Whether the next turn is for one who rests, if there is any.
    fn is_for_resting(&self, free: &Free) -> bool {
        let is_first = free.is_for_resting && free.resting > 0;
        is_first || self.coming_back.load(Ordering::Relaxed) == 0
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Free {
    /// One who has a turn looks at sockets from now on, though others may wait to come back.
    fn looks_at_sockets(&mut self, are_awaited: bool) {
        self.is_for_resting = false;
        if are_awaited {
            self.gave_way = Some(Instant::now());
        }
    }
}

/// One thread's place among the others.
#[derive(Clone, Copy)]
pub(crate) struct Seat<'a> {
    turns: &'a Turns,
    state: &'a AtomicU64,
}

impl Seat<'_> {
    /// Rests until there is a turn. False when there will be none.
    pub(crate) fn take_turn(self) -> bool {
        let turns = self.turns;
        let mut free = turns.free();
        free.resting += 1;
        while !free.ended && (free.turns == 0 || !turns.is_for_resting(&free)) {
            free = turns.may_work.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        free.resting -= 1;
        if free.ended {
            return false;
        }
        free.turns -= 1;
        free.looks_at_sockets(turns.are_awaited());
        turns.wake(&free);
        self.state.store(AT_WORK, Ordering::Relaxed);
        true
    }

    /// Whether the thread still has its turn.
    pub(crate) fn has_turn(self) -> bool {
        self.state.load(Ordering::Relaxed) != WITHOUT_TURN
    }

    /// Gives the turn up, if the thread still has it.
    pub(crate) fn leave(self) {
        if self.state.swap(WITHOUT_TURN, Ordering::Relaxed) != WITHOUT_TURN {
            self.turns.release();
        }
    }

    /// Gives the turn up for one who comes back, if it is time to. Says whether it did.
    pub(crate) fn gives_way(self) -> bool {
        let mut free = self.turns.free();
        if free.is_for_resting {
            // This one does what they would be woken for.
            free.looks_at_sockets(true);
            return false;
        }
        let now = Instant::now();
        let since = free.gave_way.map(|then| now.saturating_duration_since(then));
        if since.is_some_and(|since| since < GIVE_WAY) {
            return false;
        }
        free.gave_way = Some(now);
        drop(free);
        self.leave();
        true
    }

    /// Waits for a turn that a handler needs, if the thread has none, until `deadline`.
    fn come_back(self, deadline: Instant) {
        if self.has_turn() {
            return;
        }
        let turns = self.turns;
        let mut free = turns.free();
        turns.coming_back.fetch_add(1, Ordering::SeqCst);
        let may_go = |free: &Free| free.turns > 0 && !(free.is_for_resting && free.resting > 0);
        if !may_go(&free) {
            drop(free);
            // Those who have a turn may all wait for sockets.
            (turns.nudge)();
            free = turns.free();
        }
        while !may_go(&free) && !free.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = turns.may_come_back.wait_timeout(free, left);
            free = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let others = turns.coming_back.fetch_sub(1, Ordering::SeqCst) > 1;
        if may_go(&free) {
            free.turns -= 1;
            free.is_for_resting = true;
            self.put_at_risk();
        }
        let lacks_turns = free.turns == 0;
        turns.wake(&free);
        drop(free);
        if others && lacks_turns {
            // One nudge may have been for several.
            (turns.nudge)();
        }
    }

    /// Runs what may take long and may so cost the turn.
    pub(crate) fn risk_turn<T>(self, run: impl FnOnce() -> T) -> T {
        if self.has_turn() {
            self.put_at_risk();
        }
        let result = run();
        let state = self.state.load(Ordering::Relaxed);
        if state != WITHOUT_TURN {
            // Fails if the turn is gone meanwhile.
            let _ =
                self.state.compare_exchange(state, AT_WORK, Ordering::Relaxed, Ordering::Relaxed);
        }
        result
    }

    fn put_at_risk(self) {
        let look = self.turns.looks.load(Ordering::Relaxed);
        // Before it is looked whether there is a nap, as that looks at this before it is taken.
        self.state.store(look, Ordering::SeqCst);
        self.turns.nap.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_lost_at_the_second_look_and_goes_to_another() {
        let turns = Turns::new(2, || {});
        turns.free().turns = 1;
        let (one, other) = (turns.seat(0).unwrap(), turns.seat(1).unwrap());
        assert!(one.take_turn());
        assert!(!turns.look());
        one.risk_turn(|| {
            assert!(turns.look());
            assert!(one.has_turn());
            assert!(turns.look());
            assert!(!one.has_turn());
            assert!(other.take_turn());
        });
        assert!(!one.has_turn());
        assert!(other.has_turn());
    }

    #[test]
    fn a_turn_is_kept_through_many_short_runs() {
        let turns = Turns::new(1, || {});
        let seat = turns.seat(0).unwrap();
        assert!(seat.take_turn());
        for _ in 0..10 {
            seat.risk_turn(|| turns.look());
            assert!(seat.has_turn());
        }
    }

    /// Has a thread that has no turn, and whose handler waits, come back once `give` has been done.
    fn comes_back(turns: &Arc<Turns>, deadline: Instant, give: impl FnOnce()) -> bool {
        let seat = turns.seat(0).unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                seat.risk_turn(|| seat.come_back(deadline));
                seat.has_turn()
            });
            while !turns.are_awaited() && !waits.is_finished() {
                std::thread::yield_now();
            }
            give();
            waits.join().unwrap()
        })
    }

    fn late() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn who_comes_back_and_who_rests_have_turns_alternately() {
        let nudges = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&nudges);
        let turns = Arc::new(Turns::new(3, move || {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        turns.free().turns = 1;
        let (busy, resting) = (turns.seat(1).unwrap(), turns.seat(2).unwrap());
        assert!(busy.take_turn());
        std::thread::scope(|scope| {
            let rests = scope.spawn(move || resting.take_turn());
            while turns.free().resting == 0 {
                std::thread::yield_now();
            }
            assert!(comes_back(&turns, late(), || assert!(busy.gives_way())));
            assert!(!resting.has_turn());
            // As if another waited, too.
            turns.coming_back.store(1, Ordering::Relaxed);
            turns.seat(0).unwrap().leave();
            assert!(rests.join().unwrap());
        });
        assert_eq!(nudges.load(Ordering::Relaxed), 1);
        assert!(!turns.free().is_for_resting);
    }

    #[test]
    fn who_has_a_turn_and_should_look_at_sockets_keeps_it_for_that() {
        let turns = Turns::new(2, || {});
        let seat = turns.seat(0).unwrap();
        assert!(seat.take_turn());
        turns.free().is_for_resting = true;
        assert!(!seat.gives_way() && seat.has_turn());
        assert!(turns.free().gave_way.take().is_some());
        assert!(seat.gives_way() && !seat.has_turn());
    }

    #[test]
    fn who_is_busy_gives_way_now_and_then() {
        let turns = Turns::new(2, || {});
        let seat = turns.seat(0).unwrap();
        assert!(seat.take_turn() && seat.gives_way() && !seat.has_turn());
        assert!(seat.take_turn());
        turns.free().gave_way = Some(late());
        assert!(!seat.gives_way() && seat.has_turn());
    }

    #[test]
    fn who_waits_until_its_deadline_goes_on_without_a_turn() {
        let turns = Arc::new(Turns::new(1, || {}));
        turns.free().turns = 0;
        assert!(!comes_back(&turns, Instant::now() + Duration::from_millis(50), || {}));
        assert!(!turns.are_awaited());
    }

    #[test]
    fn a_turn_that_was_come_back_to_can_be_lost() {
        let turns = Turns::new(1, || {});
        let seat = turns.seat(0).unwrap();
        seat.risk_turn(|| {
            seat.come_back(late());
            assert!(turns.look() && seat.has_turn());
            assert!(turns.look() && !seat.has_turn());
        });
        seat.risk_turn(|| seat.come_back(late()));
        assert!(!turns.look() && seat.has_turn());
    }

    #[test]
    fn who_rests_is_woken_at_the_end() {
        let turns = Turns::new(1, || {});
        turns.free().turns = 0;
        std::thread::scope(|scope| {
            let resting = scope.spawn(|| turns.seat(0).unwrap().take_turn());
            turns.end();
            assert!(!resting.join().unwrap());
        });
    }
}
