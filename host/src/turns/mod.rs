//! Turns: how many request threads are at work at once.
//!
//! More threads at work than there are processors only take them from each other:
//! every hand-over costs a wake-up, and caches go cold. So a thread works only while
//! it has one of as many turns as there are processors; the others rest. But a handler
//! may compute for long, or wait. The thread that runs it then loses its turn to
//! another, and rests when it is done. So a request costs no wake-up while
//! handlers are quick, and no client waits for long while some are slow.
//!
//! A handler that waits for a moment gives its turn up, and must come back to one: any number
//! may have waited for the same moment. Those who have turns give way to it, now and then if
//! sockets keep them busy, and at once if not.

mod free;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::{Pid, gettid};

use crate::nap::Nap;
use crate::processors::processors;
use free::FreeTurns;

/// How often threads are looked at. A handler that is running at two looks in a row, so
/// for one to two times as long, costs its thread the turn. Were that as short as common
/// handlers take, all would run at once and each would take longer for it.
pub(crate) const LOOK: Duration = Duration::from_millis(4);

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
    free: FreeTurns,
    /// Has one who has a turn and nothing to do look whether there is something.
    nudge: Box<dyn Fn() + Send + Sync>,
    /// That of the thread that looks.
    pub(crate) nap: Nap,
}

impl Turns {
    /// As many turns as processors, for so many threads. `nudge` has one who has a turn and
    /// nothing to do look whether there is something.
    pub(crate) fn new(threads: usize, nudge: impl Fn() + Send + Sync + 'static) -> Turns {
        Turns {
            seats: (0..threads).map(|_| AtomicU64::new(WITHOUT_TURN)).collect(),
            threads: (0..threads).map(|_| AtomicI32::default()).collect(),
            looks: AtomicU64::new(1),
            free: FreeTurns::new(processors()),
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
                self.free.give();
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
        self.free.end();
    }

    /// Whether anybody waits to come back.
    pub(crate) fn are_awaited(&self) -> bool {
        self.free.are_awaited()
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
        let has_turn = self.turns.free.take();
        if has_turn {
            self.state.store(AT_WORK, Ordering::Relaxed);
        }
        has_turn
    }

    /// Whether the thread still has its turn.
    pub(crate) fn has_turn(self) -> bool {
        self.state.load(Ordering::Relaxed) != WITHOUT_TURN
    }

    /// Gives the turn up, if the thread still has it.
    pub(crate) fn leave(self) {
        if self.state.swap(WITHOUT_TURN, Ordering::Relaxed) != WITHOUT_TURN {
            self.turns.free.give();
        }
    }

    /// Gives the turn up for one who comes back, if it is time to. Says whether it did.
    pub(crate) fn gives_way(self) -> bool {
        let must = self.turns.free.must_give_way();
        if must {
            self.leave();
        }
        must
    }

    /// Waits for a turn that a handler needs, if the thread has none, until `deadline`.
    fn come_back(self, deadline: Instant) {
        if !self.has_turn() && self.turns.free.take_back(deadline, &self.turns.nudge) {
            self.put_at_risk();
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
        let turns = Turns { free: FreeTurns::new(1), ..Turns::new(2, || {}) };
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

    #[test]
    fn a_turn_that_was_come_back_to_can_be_lost() {
        let (turns, late) = (Turns::new(1, || {}), Instant::now() + Duration::from_secs(60));
        let seat = turns.seat(0).unwrap();
        seat.risk_turn(|| {
            seat.come_back(late);
            assert!(turns.look() && seat.has_turn());
            assert!(turns.look() && !seat.has_turn());
        });
        seat.risk_turn(|| seat.come_back(late));
        assert!(!turns.look() && seat.has_turn());
    }
}
