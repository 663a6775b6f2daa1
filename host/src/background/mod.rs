//! Threads that let all others go first.
//!
//! Their time is what others leave (`SCHED_IDLE`, see sched(7)), and a little more if that is
//! nothing ([`errands`]). No privilege is needed to retreat so, but one is to return. Some
//! threads do nothing else; and one whose handler runs for long retreats with it, ends when
//! that is over, and is replaced.
//!
//! As many of them as there are processors have a turn, the others wait for theirs: one
//! that had a lock while many others had the processor before it would keep those waiting
//! who go first. Who runs for long passes its turn on, so all have the same.
//!
//! A processor with anything at all to run takes nothing over from one with too much: beside
//! a thread that is always ready, even a last one, those who go first wait for each other.
//! So who got little of its processor rests, and the turn with it.

mod errands;
mod policy;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::admission::Place;
use crate::busy::thread_clock;
use errands::{Errand, Errands};
pub(crate) use policy::go_last;

/// How long a turn is looked at before it is judged.
const LOOK: Duration = Duration::from_millis(5);

/// How long a turn rests that got less of its processor than others did: at least so long, and
/// so many times what it got.
const REST: Duration = Duration::from_millis(40);
const RESTS: u32 = 4;

thread_local! {
    /// The background that the present thread may retreat to. There is none for threads of
    /// somebody else's, who did not ask for this.
    static BACKGROUND: RefCell<Option<Arc<Background>>> = const { RefCell::new(None) };
    static PLACE: Cell<Place> = const { Cell::new(Place::Front) };
    /// What the present thread is at there.
    static ERRAND: RefCell<Option<Arc<Errand>>> = const { RefCell::new(None) };
    static HAS_TURN: Cell<bool> = const { Cell::new(false) };
    /// When the present thread was last looked at, and how much of a processor it had had.
    static LOOKED_AT: Cell<Option<(Instant, Duration)>> = const { Cell::new(None) };
}

/// A server's threads in the background: their turns, and what they are at.
#[derive(Debug)]
pub(crate) struct Background {
    turns: Mutex<Turns>,
    errands: Errands,
}

#[derive(Debug)]
struct Turns {
    free: usize,
    waiting: VecDeque<Waiter>,
}

/// A thread that waits for its turn.
#[derive(Debug)]
struct Waiter {
    thread: Thread,
    has_turn: Arc<AtomicBool>,
}

impl Background {
    /// With as many turns as there are processors.
    pub(crate) fn new() -> Background {
        let free = thread::available_parallelism().map_or(1, NonZero::get);
        let turns = Mutex::new(Turns { free, waiting: VecDeque::new() });
        Background { turns, errands: Errands::default() }
    }

    /// Helps threads that get nowhere; to be called often, by one in front.
    pub(crate) fn help(&self) {
        self.errands.help(Instant::now());
    }

    /// Waits for a turn until `deadline`. Says whether there was one.
    fn take(&self, deadline: Instant) -> bool {
        let mut turns = self.turns();
        if turns.free > 0 {
            turns.free -= 1;
            return true;
        }
        let has_turn = Arc::new(AtomicBool::new(false));
        let waiter = Waiter { thread: thread::current(), has_turn: Arc::clone(&has_turn) };
        turns.waiting.push_back(waiter);
        drop(turns);
        while !has_turn.load(Ordering::Acquire) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let mut turns = self.turns();
                turns.waiting.retain(|waiter| !Arc::ptr_eq(&waiter.has_turn, &has_turn));
                // It may have come just now.
                return has_turn.load(Ordering::Acquire);
            }
            thread::park_timeout(left);
        }
        true
    }

    /// Gives a turn to who has waited longest.
    fn give(&self) {
        let mut turns = self.turns();
        match turns.waiting.pop_front() {
            Some(waiter) => {
                waiter.has_turn.store(true, Ordering::Release);
                drop(turns);
                waiter.thread.unpark();
            }
            None => turns.free += 1,
        }
    }

    fn is_wanted(&self) -> bool {
        !self.turns().waiting.is_empty()
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the present thread retreat when it must. Who does this replaces it afterwards.
pub(crate) fn enlist(background: &Arc<Background>) {
    BACKGROUND.set(Some(Arc::clone(background)));
}

/// Makes the present thread one of the background, if it may retreat.
pub(crate) fn join() {
    if PLACE.get() == Place::Front
        && let Some(background) = BACKGROUND.with_borrow(Option::clone)
    {
        ERRAND.set(Some(background.errands.add()));
        PLACE.set(Place::Background);
    }
}

/// Lets all other threads go before this one from now on, if it may retreat. What it is at
/// must be over by `deadline`.
pub(crate) fn retreat(deadline: Instant) {
    if PLACE.get() == Place::Front {
        join();
        go_on(deadline);
    }
}

/// Where the present thread is.
pub(crate) fn place() -> Place {
    PLACE.get()
}

/// In the background, goes on with something that must be over by `deadline`.
pub(crate) fn go_on(deadline: Instant) {
    with_errand(|errand| errand.go_on(deadline));
}

/// In the background, is done with it.
pub(crate) fn end() {
    with_errand(Errand::end);
}

/// In the background, waits for a turn until `deadline`.
pub(crate) fn take_turn(deadline: Instant) {
    with_background(|background| {
        if !HAS_TURN.get() {
            HAS_TURN.set(background.take(deadline));
            look();
        }
    });
}

/// In the background, goes on with something that must be over by `deadline`, with a turn that
/// it waits for; one that it has already is passed on first, if anybody waits for it.
pub(crate) fn go_on_in_turn(deadline: Instant) {
    with_background(|background| {
        if HAS_TURN.get() {
            if let Some(had) = crowded_out() {
                let left = deadline.saturating_duration_since(Instant::now());
                thread::sleep(had.saturating_mul(RESTS).max(REST).min(left));
                look();
            }
            if background.is_wanted() {
                give_turn();
            }
        }
        go_on(deadline);
        take_turn(deadline);
        go_on(deadline);
    });
}

fn look() {
    LOOKED_AT.set(Some((Instant::now(), thread_clock())));
}

/// What the present thread had of its processor since the last look, if others had it for most
/// of that time.
fn crowded_out() -> Option<Duration> {
    let (looked_at, had) = LOOKED_AT.get()?;
    let time = looked_at.elapsed();
    if time < LOOK {
        return None;
    }
    let had = thread_clock().saturating_sub(had);
    look();
    (had < time / 2).then_some(had)
}

/// In the background, gives up the turn.
pub(crate) fn give_turn() {
    with_background(|background| {
        if HAS_TURN.replace(false) {
            background.give();
        }
    });
}

fn with_errand(act: impl FnOnce(&Errand)) {
    if PLACE.get() == Place::Background {
        ERRAND.with_borrow(|errand| {
            if let Some(errand) = errand {
                act(errand);
            }
        });
    }
}

fn with_background(act: impl FnOnce(&Background)) {
    if PLACE.get() == Place::Background {
        let background = BACKGROUND.with_borrow(Option::clone);
        if let Some(background) = background {
            act(&background);
        }
    }
}
