//! The program, and what it has had since before it was treated badly.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use picohttp_tests::client::Client;
use picohttp_tests::host::eventually;
use picohttp_tests::process::Gauge;
use picohttp_tests::program;
use tempfile::TempDir;

/// How many bytes of memory more it may keep: what it has used once it may use again.
const MEMORY_LEFT: usize = 16 << 20;

pub struct Program {
    program: program::Program,
    before: Gauge,
    _folder: TempDir,
}

impl Program {
    /// Starts it on a free port, and lets it answer once: what it has after that is what it
    /// must have again in the end.
    pub fn start(handler: &Path, args: &[&str]) -> Result<Program> {
        Program::run(command(handler)?.args(args), tempfile::tempdir()?)
    }

    /// Starts it with what a file in this folder says, whose port must be 0.
    pub fn configured(config: &str, folder: TempDir) -> Result<Program> {
        let file = folder.path().join("picohttp.toml");
        fs::write(&file, config)?;
        let mut command = program::command(program::file()?);
        let program = Program::run(command.arg("--config").arg(file), folder)?;
        program.wait_until_all_are_loaded()?;
        Ok(program)
    }

    /// Starts it with a command that says all, with this folder as its own.
    pub fn run(command: &mut Command, folder: TempDir) -> Result<Program> {
        let program = program::Program::start_on(command)?;
        let mut program = Program { program, before: Gauge::default(), _folder: folder };
        program.get("/1")?;
        program.begin_at_rest()?;
        Ok(program)
    }

    /// Once it is at rest, takes what it has now for what it had before.
    pub fn begin_at_rest(&mut self) -> Result<()> {
        self.before = self.settle()?;
        Ok(())
    }

    pub fn connect(&self, count: usize) -> Result<Vec<Client>> {
        (0..count).map(|_| Client::connect(self.address)).collect()
    }

    pub fn before(&self) -> Gauge {
        self.before
    }

    pub fn gauge(&self) -> Result<Gauge> {
        self.id().gauge()
    }

    /// Waits until it has no more threads and descriptors than before, and next to no more
    /// memory, and checks that it still answers.
    pub fn check_nothing_is_left(&mut self) -> Result<()> {
        self.wait_until_it_is_back(&self.before, MEMORY_LEFT)?;
        self.check_alive()?;
        self.get("/1")?;
        Ok(())
    }

    /// Waits until it has no more threads and descriptors than before, and no more than so many
    /// bytes of memory more.
    pub fn wait_until_it_is_back(&self, before: &Gauge, slack: usize) -> Result<()> {
        let is_back = || self.gauge().is_ok_and(|now| now.is_back(before, slack));
        eventually("all is as before", is_back)
            .with_context(|| format!("{before} -> {:?}", self.gauge()))
    }

    /// Waits until it has the same threads and descriptors for a while.
    pub fn settle(&self) -> Result<Gauge> {
        let mut last = self.gauge()?;
        eventually("it is at rest", || {
            std::thread::sleep(std::time::Duration::from_millis(100));
            let now = self.gauge().unwrap_or_default();
            let same = (last.threads, last.descriptors) == (now.threads, now.descriptors);
            last = now;
            same
        })?;
        Ok(last)
    }
}

impl Deref for Program {
    type Target = program::Program;

    fn deref(&self) -> &program::Program {
        &self.program
    }
}

impl DerefMut for Program {
    fn deref_mut(&mut self) -> &mut program::Program {
        &mut self.program
    }
}

/// The command that serves a handler on a free port.
pub fn command(handler: &Path) -> Result<Command> {
    let mut command = program::command(program::file()?);
    command.arg(handler).args(["--port", "0", "--no-cache"]);
    Ok(command)
}
