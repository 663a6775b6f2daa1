//! The clock that ends guests, and the watch over it.
//!
//! Every tick advances the engine's epoch, and a guest looks at its deadline when that has
//! happened: where it enters a function, begins a loop anew, or comes back from the host. Nothing
//! else can end a guest that never returns. A guest for which others wait is
//! looked at sooner. While there is none, the clock naps. When its thread is starved, the watch
//! ticks in its place, if less often; if it stands still for good, the process says so and ends,
//! as a fresh one is better than one without deadlines.

use std::io::{Write, stderr};
use std::process::abort;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::{Result, Trap};

use crate::account::Account;
use crate::background;
use crate::nap::Nap;

/// How often the clock ticks, at the least. A guest is stopped at the first tick after its
/// deadline.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// How soon it ticks if others wait: they may wait for as long as a guest runs in between.
const SOON: Duration = Duration::from_micros(500);

/// How long the clock naps before it looks whether its engine is gone.
const NAP: Duration = Duration::from_secs(1);

/// How often the watch looks at the clock.
const LOOK: Duration = Duration::from_millis(100);

/// How many looks in a row may find that the clock has not moved: about five seconds. A
/// process that is `nice` to many others gets no processor for one.
const PATIENCE: u32 = 50;

/// How long the last words may take: nobody may be reading them.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The clock of an engine.
#[derive(Clone)]
pub(super) struct Clock {
    thread: Thread,
    guests: Arc<Guests>,
}

/// The guests of an engine.
struct Guests {
    running: AtomicUsize,
    ticks: AtomicU64,
    nap: Nap,
}

impl Guests {
    fn are_running(&self) -> bool {
        self.running.load(Ordering::SeqCst) > 0
    }
}

impl Clock {
    /// Ticks from now on, until [`leave`](Clock::leave), for a guest that is about to run.
    pub(super) fn enter(&self) {
        // Before it is looked whether the clock naps, as that looks at this before it does.
        self.guests.running.fetch_add(1, Ordering::SeqCst);
        self.guests.nap.end();
        self.hurry();
    }

    /// How often the clock has ticked.
    pub(super) fn ticks(&self) -> u64 {
        self.guests.ticks.load(Ordering::Relaxed)
    }

    /// Says that a guest has ended.
    pub(super) fn leave(&self) {
        self.guests.running.fetch_sub(1, Ordering::Relaxed);
    }

    /// Has a guest in the background wait for its tenant's turn, and go on with it; its last one is
    /// over.
    ///
    /// # Errors
    ///
    /// [`Trap::Interrupt`] if it was the deadline that came.
    pub(super) fn take_turn(&self, deadline: Instant, account: &Arc<Account>) -> Result<()> {
        background::go_on_with_permit(deadline, account);
        if Instant::now() >= deadline {
            return Err(Trap::Interrupt.into());
        }
        self.hurry();
        Ok(())
    }

    /// Ticks soon, and then as ever, if those who go first wait and the present thread is in
    /// the background.
    fn hurry(&self) {
        if background::is_in_the_way() {
            self.tick_soon();
        }
    }

    /// Waits for nothing, and lets nobody wait.
    fn tick_soon(&self) {
        self.thread.unpark();
    }
}

/// Starts the clock of an engine, and the watch, until the engine is gone.
pub(super) fn start(engine: &wasmtime::Engine) -> Result<Clock> {
    let guests = Arc::new(Guests {
        running: AtomicUsize::new(0),
        ticks: AtomicU64::new(0),
        nap: Nap::new(),
    });
    let (ticking, watched) = (Arc::clone(&guests), Arc::clone(&guests));
    let (clock, engine) = (engine.weak(), engine.weak());
    let clock = thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        let until = |time: Instant| time.saturating_duration_since(Instant::now());
        let mut next = Instant::now() + TICK;
        while let Some(engine) = clock.upgrade() {
            engine.increment_epoch();
            ticking.ticks.fetch_add(1, Ordering::Relaxed);
            drop(engine);
            if ticking.are_running() {
                ticking.nap.put_off();
            } else if ticking.nap.take(NAP, || !ticking.are_running()) {
                next = Instant::now() + TICK;
            }
            thread::park_timeout(until(next));
            let tick = next.min(Instant::now() + SOON);
            thread::sleep(until(tick));
            if tick == next {
                // A tick that came late, as each does a little, makes the next no later; but
                // none is made up for.
                next = (next + TICK).max(Instant::now());
            }
        }
    })?;
    thread::Builder::new().name("epoch-watch".to_owned()).spawn(move || {
        let mut watch = Watch::default();
        while let Some(engine) = engine.upgrade() {
            let ticks = watched.ticks.load(Ordering::Relaxed);
            match watch.look(watched.are_running().then_some(ticks)) {
                Found::Runs => {}
                Found::Late => engine.increment_epoch(),
                Found::Stopped => stop(),
            }
            drop(engine);
            thread::sleep(LOOK);
        }
    })?;
    Ok(Clock { thread: clock.thread().clone(), guests })
}

/// What has been seen of a clock.
///
/// It is looks that count and not time: a process that was stopped, or a machine that was
/// asleep, has not been looked at meanwhile.
#[derive(Default)]
struct Watch {
    ticks: u64,
    /// How many looks have found the same.
    still: u32,
}

/// What a look at a clock finds.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Runs,
    /// It has not moved since the last look.
    Late,
    Stopped,
}

impl Watch {
    /// Looks at how often the clock has ticked, if guests run; if none does, it may stand still.
    fn look(&mut self, ticks: Option<u64>) -> Found {
        if ticks != Some(self.ticks) {
            *self = Watch { ticks: ticks.unwrap_or(self.ticks), still: 0 };
            return Found::Runs;
        }
        self.still = self.still.saturating_add(1);
        if self.still < PATIENCE { Found::Late } else { Found::Stopped }
    }
}

/// Ends the process, without waiting for anything that may be stuck as well.
fn stop() -> ! {
    let say = || {
        let text = "the clock that ends guests has stopped; the process ends, as no deadline holds";
        // There may be nobody to say it to.
        let _ = writeln!(stderr(), "fatal: {text}");
    };
    if thread::Builder::new().spawn(say).is_ok() {
        thread::sleep(LAST_WORDS);
    }
    abort()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use wasmtime::{Config, Instance, Module, Store, UpdateDeadline};

    use super::*;
    use crate::background::Background;
    use crate::processors::processors;

    const PATIENT: Duration = Duration::from_secs(60);

    #[test]
    fn a_clock_ticks_sooner_for_who_asks_for_it() {
        let engine = wasmtime::Engine::new(Config::new().epoch_interruption(true)).unwrap();
        let clock = start(&engine).unwrap();
        let mut store = Store::new(&engine, Vec::new());
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |mut store| {
            clock.tick_soon();
            store.data_mut().push(Instant::now());
            let is_enough = store.data().len() == 100;
            if is_enough { Err(Trap::Interrupt.into()) } else { Ok(UpdateDeadline::Continue(1)) }
        });
        let spin = wat::parse_str("(module (func $spin (loop br 0)) (start $spin))").unwrap();
        let spin = Module::new(&engine, spin).unwrap();
        assert!(Instance::new(&mut store, &spin, &[]).is_err());
        let mut gaps: Vec<_> = store.data().windows(2).map(|ticks| ticks[1] - ticks[0]).collect();
        gaps.sort();
        // Others may have kept this thread, or the clock's, for a while.
        assert!(gaps[gaps.len() / 10] < TICK / 2);
    }

    #[test]
    fn who_waits_for_a_turn_until_its_deadline_ends_there() {
        let engine = wasmtime::Engine::new(Config::new().epoch_interruption(true)).unwrap();
        let (clock, background) = (&start(&engine).unwrap(), &Arc::new(Background::new()));
        let account = &Arc::new(Account::new("a"));
        let turns = processors();
        let (taken, over) = (&Barrier::new(turns + 1), &Barrier::new(turns + 1));
        let later = |time| Instant::now() + time;
        let in_background = || {
            background::enlist(background);
            background::join();
        };
        thread::scope(|scope| {
            for _ in 0..turns {
                scope.spawn(move || {
                    in_background();
                    let turn = clock.take_turn(later(PATIENT), account);
                    taken.wait();
                    over.wait();
                    background::release_permit();
                    turn.unwrap();
                });
            }
            taken.wait();
            in_background();
            let deadline = later(TICK);
            let turn = clock.take_turn(deadline, account);
            over.wait();
            assert_eq!(turn.unwrap_err().downcast_ref(), Some(&Trap::Interrupt));
            assert!(Instant::now() >= deadline);
            // Those who had turns have given them up.
            clock.take_turn(later(PATIENT), account).unwrap();
        });
    }

    #[test]
    fn a_clock_that_stands_still_is_late_and_then_has_stopped() {
        let mut watch = Watch::default();
        assert_eq!(watch.look(Some(1)), Found::Runs);
        for _ in 1..PATIENCE {
            assert_eq!(watch.look(Some(1)), Found::Late);
        }
        assert_eq!(watch.look(Some(1)), Found::Stopped);
    }

    #[test]
    fn a_clock_that_never_ticked_stops_as_any_other() {
        let mut watch = Watch::default();
        let late = (0..).take_while(|_| watch.look(Some(0)) == Found::Late).count();
        assert_eq!(late, PATIENCE as usize - 1);
    }

    #[test]
    fn any_tick_begins_the_count_anew() {
        let mut watch = Watch::default();
        for look in 0..1000 {
            let found = watch.look(Some(1 + look / u64::from(PATIENCE)));
            assert_ne!(found, Found::Stopped, "{look}");
        }
    }

    #[test]
    fn a_clock_may_stand_still_while_no_guest_runs() {
        let mut watch = Watch::default();
        for _ in 1..PATIENCE {
            assert_eq!(watch.look(Some(0)), Found::Late);
        }
        assert_eq!(watch.look(None), Found::Runs);
        assert_eq!(watch.look(Some(0)), Found::Late);
    }

    #[test]
    fn a_clock_that_naps_ticks_for_who_begins_to_run() {
        let engine = wasmtime::Engine::new(Config::new().epoch_interruption(true)).unwrap();
        let clock = start(&engine).unwrap();
        let ticks = || clock.guests.ticks.load(Ordering::Relaxed);
        let deadline = Instant::now() + PATIENT;
        while !clock.guests.nap.is_taken() {
            assert!(Instant::now() < deadline);
            thread::yield_now();
        }
        let before = ticks();
        clock.enter();
        while ticks() < before + 3 {
            assert!(Instant::now() < deadline);
            thread::yield_now();
        }
    }
}
