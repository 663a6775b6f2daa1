//! Threads that let all others go first.
//!
//! Their time is what others leave (`SCHED_IDLE`, see sched(7)), and a little more if that is
//! nothing ([`errands`]). No privilege is needed to retreat so, but one is to return. Some
//! threads do nothing else; and one whose handler runs for long retreats with it, ends when
//! that is over, and is replaced.
//!
//! As many of them as there are processors have a turn, the others wait for theirs: one
//! that had a lock while many others had the processor before it would keep those waiting
//! who go first. Who runs for long passes its turn on, so all have the same ([`turns`]).
//!
//! A processor with anything at all to run takes nothing over from one with too much: beside
//! a thread that is always ready, even a last one, those who go first wait for each other. So
//! while they wait ([`crowd`]), turns are short, and all rest for most of the time.

mod crowd;
mod errands;
mod policy;
mod turns;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::thread::Pid;

use crate::admission::Place;
use crate::busy::thread_clock;
pub(crate) use crowd::Crowd;
use errands::{Errand, Errands};
pub(crate) use policy::go_last;
use turns::{Turns, Usage};

thread_local! {
    /// The background that the present thread may retreat to. There is none for threads of
    /// somebody else's, who did not ask for this.
    static BACKGROUND: RefCell<Option<Arc<Background>>> = const { RefCell::new(None) };
    static PLACE: Cell<Place> = const { Cell::new(Place::Front) };
    /// What the present thread is at there.
    static ERRAND: RefCell<Option<Arc<Errand>>> = const { RefCell::new(None) };
    /// If the present thread has a turn: what its clock showed when it got that.
    static TURN: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// A server's threads in the background: their turns, and what they are at.
#[derive(Debug)]
pub(crate) struct Background {
    turns: Turns,
    errands: Errands,
}

impl Background {
    pub(crate) fn new() -> Background {
        Background { turns: Turns::new(), errands: Errands::default() }
    }

    /// Helps threads that get nowhere, and has turns rest while those `in_front` wait; to be
    /// called often, by one in front.
    pub(crate) fn watch(&self, in_front: impl Iterator<Item = Pid>, crowd: &mut Crowd) {
        let now = Instant::now();
        self.errands.help(now);
        match self.turns.usage(now) {
            Some(Usage::Idle) => {
                crowd.forget();
                self.turns.set_crowded(false);
            }
            Some(Usage::Resting) => {
                crowd.waits(in_front, now);
            }
            Some(Usage::Working) => self.turns.set_crowded(crowd.waits(in_front, now)),
            None => {}
        }
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
        // Before it goes last: others are to go on with it.
        crate::turns::give_up();
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
        if TURN.get().is_none() && background.turns.take(deadline) {
            TURN.set(Some(thread_clock()));
        }
    });
}

/// In the background, goes on with something that must be over by `deadline`, with a turn that
/// it waits for; one that it has already is given up first, as others may wait for it.
pub(crate) fn go_on_in_turn(deadline: Instant) {
    give_turn();
    take_turn(deadline);
    go_on(deadline);
}

/// Whether the present thread is in the background while those who go first wait.
pub(crate) fn is_in_the_way() -> bool {
    let mut is_crowded = false;
    with_background(|background| is_crowded = background.turns.is_crowded());
    is_crowded
}

/// In the background, gives up the turn.
pub(crate) fn give_turn() {
    with_background(|background| {
        if let Some(clock) = TURN.take() {
            background.turns.give(thread_clock().saturating_sub(clock));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_in_the_background_is_in_the_way_of_those_who_wait() {
        let background = Arc::new(Background::new());
        background.turns.set_crowded(true);
        enlist(&background);
        assert!(!is_in_the_way());
        join();
        assert!(is_in_the_way());
        background.turns.set_crowded(false);
        assert!(!is_in_the_way());
    }
}
