//! The server: the program as it is built for use, on a free port, and what it has.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use picohttp_tests::process::{Gauge, ProcessId};
use picohttp_tests::program;
use rustix::process::Resource;
use tempfile::TempDir;

use crate::process::Process;
use crate::stage::Stage;
use crate::usage::{self, Usage};

pub struct Server {
    process: Process,
    pub address: SocketAddr,
    /// Where its output is.
    files: TempDir,
}

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take to compile a thousand handlers.
const TO_COMPILE: Duration = Duration::from_secs(600);

/// How much more memory than before is the same.
pub const SLACK: usize = 6 << 20;

impl Server {
    pub fn start(stage: &Stage, handler: &Path, args: &[&str]) -> Result<Server> {
        if stage.must_compile(handler) {
            Server::start(stage, handler, args)?;
        }
        let mut command = program::command(env!("CARGO_BIN_EXE_picohttp-host"));
        command.arg(handler).args(["--port", "0"]).args(args);
        command.arg("--cache-dir").arg(stage.cache());
        Server::run(stage, command)
    }

    /// With what a file says; its port must be 0.
    pub fn configured(stage: &Stage, config: &Path) -> Result<Server> {
        let mut command = program::command(env!("CARGO_BIN_EXE_picohttp-host"));
        command.arg("--config").arg(config);
        Server::run(stage, command)
    }

    fn run(stage: &Stage, command: Command) -> Result<Server> {
        let folder = stage.new_folder()?;
        let mut process = Process::start(command, folder.path())?;
        let mut address = None;
        stage.wait("the server serves", PATIENCE, || {
            process.check_alive()?;
            address = program::address_in(&process.output()?).ok();
            Ok(address.is_some())
        })?;
        let address = address.context("no address")?;
        Ok(Server { process, address, files: folder })
    }

    /// Waits until all of its handlers are compiled.
    pub fn wait_until_complete(&mut self, stage: &Stage) -> Result<()> {
        stage.wait("all handlers are compiled", TO_COMPILE, || {
            self.process.check_alive()?;
            let output = self.process.output()?;
            let waits = output.contains("the rest follows");
            Ok(!waits || output.contains("serving all that there are"))
        })?;
        Ok(())
    }

    pub fn gauge(&self) -> Result<Gauge> {
        self.id().gauge()
    }

    /// Forgets how much memory it had at the most until now; returns how much it has.
    pub fn reset_peak(&self) -> Result<usize> {
        fs::write(format!("/proc/{}/clear_refs", self.id()), "5")?;
        Ok(self.gauge()?.memory)
    }

    /// How much memory it had at the most since then.
    pub fn peak(&self) -> Result<usize> {
        Ok(self.id().number("VmHWM")? << 10)
    }

    /// Has it read its configuration again.
    pub fn reload(&self) -> Result<()> {
        self.id().signal("HUP")
    }

    /// What it has printed so far.
    pub fn output(&self) -> Result<String> {
        self.process.output()
    }

    /// When it last printed anything.
    pub fn last_words(&self) -> Result<SystemTime> {
        Ok(fs::metadata(self.files.path().join("output"))?.modified()?)
    }

    pub fn descriptors(&self) -> Result<usize> {
        Ok(self.id().descriptors()?)
    }

    pub fn usage(&self) -> Result<Usage> {
        usage::of_group(self.process.group())
    }

    /// Takes descriptors away from it.
    pub fn limit_descriptors(&self, count: u64) -> Result<()> {
        self.id().limit(Resource::Nofile, count)
    }

    /// Waits until it has no more threads and descriptors than before, and has had time to
    /// give memory back. Fails if it has ended.
    pub fn settle(&mut self, stage: &Stage, before: &Gauge) -> Result<Gauge> {
        let is_back = || Ok(self.gauge()?.is_back(before, SLACK));
        // What is not back by then is in the report.
        let _ = stage.wait("all is back", Duration::from_secs(5), is_back);
        stage.interrupt.check()?;
        self.process.check_alive()?;
        self.gauge()
    }

    /// Waits until it has nothing left to do for clients that are gone.
    pub fn rest(&self, stage: &Stage) -> Result<()> {
        let mut last = (self.usage()?.cpu, self.descriptors()?);
        let mut quiet = 0;
        while quiet < 4 {
            stage.interrupt.sleep(Duration::from_millis(150))?;
            let now = (self.usage()?.cpu, self.descriptors()?);
            let rests = now.0.saturating_sub(last.0) < Duration::from_millis(20);
            quiet = if rests && now.1 == last.1 { quiet + 1 } else { 0 };
            last = now;
        }
        Ok(())
    }

    pub fn id(&self) -> ProcessId {
        // The first of its group.
        ProcessId(self.process.group().as_raw_nonzero().get().unsigned_abs())
    }
}
