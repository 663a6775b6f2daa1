//! Ctrl-C: noticed wherever the comparison waits, so that it ends as any other error does,
//! with every server killed and every file removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

pub struct Interrupt(Arc<AtomicBool>);

/// How soon an interrupt is noticed.
const NOTICE: Duration = Duration::from_millis(20);

impl Interrupt {
    pub fn catch() -> Result<Interrupt> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&interrupted))?;
        }
        Ok(Interrupt(interrupted))
    }

    pub fn check(&self) -> Result<()> {
        ensure!(!self.0.load(Ordering::Relaxed), "interrupted");
        Ok(())
    }

    /// Waits, and fails at once when interrupted.
    pub fn sleep(&self, duration: Duration) -> Result<()> {
        let end = Instant::now() + duration;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(NOTICE));
        }
    }
}
