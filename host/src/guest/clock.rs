//! The clock that ends guests, and the watch over it.
//!
//! Every tick advances the engine's epoch, and a guest looks at its deadline when that has
//! happened. Nothing else can end a guest that never returns. A guest for which others wait is
//! looked at sooner. When the clock's thread is starved, the watch ticks in its place, if less
//! often; if it stands still for good, the process says so and ends, as a fresh one is better
//! than one without deadlines.

use std::io::{Write, stderr};
use std::process::abort;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::{Result, Trap};

use crate::background;

/// How often the clock ticks, at the least. A guest is stopped at the first tick after its
/// deadline.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// How soon it ticks if others wait: they may wait for as long as a guest runs in between.
const SOON: Duration = Duration::from_micros(500);

/// How often the watch looks at the clock.
const LOOK: Duration = Duration::from_millis(100);

/// How many looks in a row may find that the clock has not moved: about five seconds. A
/// process that is `nice` to many others gets no processor for one.
const PATIENCE: u32 = 50;

/// How long the last words may take: nobody may be reading them.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The clock of an engine.
#[derive(Clone)]
pub(super) struct Clock(Thread);

impl Clock {
    /// Has a guest in the background wait for its turn, and go on with it; its last one is over.
    ///
    /// # Errors
    ///
    /// [`Trap::Interrupt`] if it was the deadline that came.
    pub(super) fn take_turn(&self, deadline: Instant) -> Result<()> {
        background::go_on_with_permit(deadline);
        if Instant::now() >= deadline {
            return Err(Trap::Interrupt.into());
        }
        self.hurry();
        Ok(())
    }

    /// Ticks soon, and then as ever, if those who go first wait and the present thread is in
    /// the background.
    pub(super) fn hurry(&self) {
        if background::is_in_the_way() {
            self.tick_soon();
        }
    }

    /// Waits for nothing, and lets nobody wait.
    fn tick_soon(&self) {
        self.0.unpark();
    }
}

/// Starts the clock of an engine, and the watch, until the engine is gone.
pub(super) fn start(engine: &wasmtime::Engine) -> Result<Clock> {
    let ticks = Arc::new(AtomicU64::new(0));
    let watched = Arc::clone(&ticks);
    let engine = engine.weak();
    let clock = engine.clone();
    let ticking = thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        let until = |time: Instant| time.saturating_duration_since(Instant::now());
        let mut next = Instant::now() + TICK;
        loop {
            thread::park_timeout(until(next));
            let tick = next.min(Instant::now() + SOON);
            thread::sleep(until(tick));
            if tick == next {
                // A tick that came late, as each does a little, makes the next no later; but
                // none is made up for.
                next = (next + TICK).max(Instant::now());
            }
            let Some(engine) = clock.upgrade() else { return };
            engine.increment_epoch();
            ticks.fetch_add(1, Ordering::Relaxed);
        }
    })?;
    thread::Builder::new().name("epoch-watch".to_owned()).spawn(move || {
        let mut watch = Watch::default();
        while let Some(engine) = engine.upgrade() {
            match watch.look(watched.load(Ordering::Relaxed)) {
                Found::Runs => {}
                Found::Late => engine.increment_epoch(),
                Found::Stopped => stop(),
            }
            drop(engine);
            thread::sleep(LOOK);
        }
    })?;
    Ok(Clock(ticking.thread().clone()))
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
    fn look(&mut self, ticks: u64) -> Found {
        if self.ticks != ticks {
            *self = Watch { ticks, still: 0 };
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
        assert!(gaps[gaps.len() / 2] < TICK / 2);
    }

    #[test]
    fn who_waits_for_a_turn_until_its_deadline_ends_there() {
        let engine = wasmtime::Engine::new(Config::new().epoch_interruption(true)).unwrap();
        let (clock, background) = (&start(&engine).unwrap(), &Arc::new(Background::new()));
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
                    let turn = clock.take_turn(later(PATIENT));
                    taken.wait();
                    over.wait();
                    background::release_permit();
                    turn.unwrap();
                });
            }
            taken.wait();
            in_background();
            let deadline = later(TICK);
            let turn = clock.take_turn(deadline);
            over.wait();
            assert_eq!(turn.unwrap_err().downcast_ref(), Some(&Trap::Interrupt));
            assert!(Instant::now() >= deadline);
            // Those who had turns have given them up.
            clock.take_turn(later(PATIENT)).unwrap();
        });
    }

    #[test]
    fn a_clock_that_stands_still_is_late_and_then_has_stopped() {
        let mut watch = Watch::default();
        assert_eq!(watch.look(1), Found::Runs);
        for _ in 1..PATIENCE {
            assert_eq!(watch.look(1), Found::Late);
        }
        assert_eq!(watch.look(1), Found::Stopped);
    }

    #[test]
    fn a_clock_that_never_ticked_stops_as_any_other() {
        let mut watch = Watch::default();
        let late = (0..).take_while(|_| watch.look(0) == Found::Late).count();
        assert_eq!(late, PATIENCE as usize - 1);
    }

    #[test]
    fn any_tick_begins_the_count_anew() {
        let mut watch = Watch::default();
        for look in 0..1000 {
            let found = watch.look(1 + look / u64::from(PATIENCE));
            assert_ne!(found, Found::Stopped, "{look}");
        }
    }
}
