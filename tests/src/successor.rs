//! A process that has taken the place of the one before it.

use std::mem;

use anyhow::{Context, Result};

use crate::process::ProcessId;
use crate::program::Program;

/// What is said when one has.
pub const SERVES: &str = "a new process serves";

/// Such a process. It is killed when it is dropped.
pub struct Successor(pub ProcessId);

/// Has the process that serves replaced, for the first time; returns the new one.
pub fn restart(program: &Program) -> Result<Successor> {
    program.signal("USR2")?;
    Successor::of(program, 1)
}

impl Successor {
    /// Waits for this one in a row of successors of a program.
    pub fn of(program: &Program, number: usize) -> Result<Successor> {
        program.wait_for_times(SERVES, number)?;
        let log = program.log();
        let (_, rest) = log.rsplit_once(SERVES).context("there is none")?;
        let (_, rest) = rest.split_once("process=").context("it has no number")?;
        let (id, _) = rest.split_once([' ', '\n']).context("its number has no end")?;
        Ok(Successor(ProcessId(id.parse()?)))
    }

    /// Has it replaced by this one in the row, and leaves it to end by itself.
    pub fn restart(self, program: &Program, number: usize) -> Result<Successor> {
        self.signal("USR2")?;
        let new = Successor::of(program, number)?;
        mem::forget(self);
        Ok(new)
    }

    /// Sends a signal by its name, such as `TERM`, if it still runs.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.0.signal(name)
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.signal("KILL");
    }
}
