//! The clock that ends guests, and the watch over it.
//!
//! Every tick advances the engine's epoch, and a guest looks at its deadline when that has
//! happened. Nothing else can end a guest that never returns. Where others leave the clock
//! no processor, the watch ticks in its place, if less often; if it stands still for good,
//! the process says so and ends, as a fresh one is better than one without deadlines.

use std::io::{Write, stderr};
use std::process::abort;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::Result;

/// How often the clock ticks. A guest is stopped at the first tick after its deadline.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// How often the watch looks at the clock.
const LOOK: Duration = Duration::from_millis(100);

/// How many looks in a row may find that the clock has not moved: about five seconds. A
/// process that is `nice` to many others gets no processor for one.
const PATIENCE: u32 = 50;

/// How long the last words may take: nobody may be reading them.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Starts the clock of an engine, and the watch, until the engine is gone.
pub(super) fn start(engine: &wasmtime::Engine) -> Result<()> {
    let ticks = Arc::new(AtomicU64::new(0));
    let watched = Arc::clone(&ticks);
    let engine = engine.weak();
    let clock = engine.clone();
    thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        let mut tick = Instant::now();
        loop {
            // A tick that came late, as each does a little, makes the next no later.
            tick += TICK;
            thread::sleep(tick.saturating_duration_since(Instant::now()));
            let Some(engine) = clock.upgrade() else { return };
            engine.increment_epoch();
            ticks.fetch_add(1, Ordering::Relaxed);
        }
    })?;
    thread::Builder::new().name("epoch-watch".to_owned()).spawn(move || {
        let mut watch = Watch::default();
        while let Some(engine) = engine.upgrade() {
            match watch.look(watched.load(Ordering::Relaxed)) {
                Clock::Runs => {}
                Clock::Late => engine.increment_epoch(),
                Clock::Stopped => stop(),
            }
            drop(engine);
            thread::sleep(LOOK);
        }
    })?;
    Ok(())
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
enum Clock {
    Runs,
    /// It has not moved since the last look.
    Late,
    Stopped,
}

impl Watch {
    fn look(&mut self, ticks: u64) -> Clock {
        if self.ticks != ticks {
            *self = Watch { ticks, still: 0 };
            return Clock::Runs;
        }
        self.still = self.still.saturating_add(1);
        if self.still < PATIENCE { Clock::Late } else { Clock::Stopped }
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
    use super::*;

    #[test]
    fn a_clock_that_stands_still_is_late_and_then_has_stopped() {
        let mut watch = Watch::default();
        assert_eq!(watch.look(1), Clock::Runs);
        for _ in 1..PATIENCE {
            assert_eq!(watch.look(1), Clock::Late);
        }
        assert_eq!(watch.look(1), Clock::Stopped);
    }

    #[test]
    fn a_clock_that_never_ticked_stops_as_any_other() {
        let mut watch = Watch::default();
        let late = (0..).take_while(|_| watch.look(0) == Clock::Late).count();
        assert_eq!(late, PATIENCE as usize - 1);
    }

    #[test]
    fn any_tick_begins_the_count_anew() {
        let mut watch = Watch::default();
        for look in 0..1000 {
            let found = watch.look(1 + look / u64::from(PATIENCE));
            assert_ne!(found, Clock::Stopped, "{look}");
        }
    }
}
