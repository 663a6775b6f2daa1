//! The server: the program as it is built for use, on a free port, and what it has.

use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

use crate::process::Process;
use crate::stage::{Stage, field};
use crate::usage::{self, Usage};

pub struct Server {
    process: Process,
    pub address: SocketAddr,
    /// Where its output is.
    files: TempDir,
}

/// What the server has at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Gauge {
    pub threads: usize,
    pub descriptors: usize,
    /// Resident bytes.
    pub memory: usize,
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_picohttp-host"));
        command.arg(handler).args(["--port", "0"]).args(args);
        command.arg("--cache-dir").arg(stage.cache());
        Server::run(stage, command)
    }

    /// With what a file says; its port must be 0.
    pub fn configured(stage: &Stage, config: &Path) -> Result<Server> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_picohttp-host"));
        command.arg("--config").arg(config);
        Server::run(stage, command)
    }

    fn run(stage: &Stage, mut command: Command) -> Result<Server> {
        let folder = stage.new_folder()?;
        command.env_remove("RUST_LOG");
        let mut process = Process::start(command, folder.path())?;
        let mut port = None;
        stage.wait("the server serves", PATIENCE, || {
            process.check_alive()?;
            let output = process.output()?;
            let (_, rest) = output.split_once("Serving HTTP on http://127.0.0.1:").unzip();
            port = rest.and_then(|rest| rest.split_once('/')?.0.parse::<u16>().ok());
            Ok(port.is_some())
        })?;
        let address = (Ipv4Addr::LOCALHOST, port.context("no port")?).into();
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
        let status = self.folder().join("status");
        Ok(Gauge {
            threads: field(&status, "Threads:")?,
            descriptors: self.descriptors()?,
            memory: field(&status, "VmRSS:")? << 10,
        })
    }

    /// Forgets how much memory it had at the most until now; returns how much it has.
    pub fn reset_peak(&self) -> Result<usize> {
        fs::write(self.folder().join("clear_refs"), "5")?;
        Ok(self.gauge()?.memory)
    }

    /// How much memory it had at the most since then.
    pub fn peak(&self) -> Result<usize> {
        Ok(field(&self.folder().join("status"), "VmHWM:")? << 10)
    }

    /// Has it read its configuration again.
    pub fn reload(&self) -> Result<()> {
        Ok(kill_process(self.pid(), Signal::HUP)?)
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
        Ok(fs::read_dir(self.folder().join("fd"))?.count())
    }

    pub fn usage(&self) -> Result<Usage> {
        usage::of_group(self.process.group())
    }

    /// Takes descriptors away from it.
    pub fn limit_descriptors(&self, count: u64) -> Result<()> {
        let limit = Rlimit { current: Some(count), maximum: Some(count) };
        prlimit(Some(self.pid()), Resource::Nofile, limit)?;
        Ok(())
    }

    /// Waits until it has no more threads and descriptors than before, and has had time to
    /// give memory back. Fails if it has ended.
    pub fn settle(&mut self, stage: &Stage, before: &Gauge) -> Result<Gauge> {
        let is_back =
            |now: &Gauge| now.threads <= before.threads && now.descriptors <= before.descriptors;
        let all_back = |now: &Gauge| is_back(now) && now.memory <= before.memory + SLACK;
        // What is not back by then is in the report.
        let _ = stage.wait("all is back", Duration::from_secs(5), || Ok(all_back(&self.gauge()?)));
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

    pub fn pid(&self) -> Pid {
        // The first of its group.
        self.process.group()
    }

    fn folder(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.pid().as_raw_nonzero()))
    }
}

impl Gauge {
    /// Whether it is what it was before.
    pub fn is_back(&self, before: &Gauge) -> bool {
        self.threads <= before.threads
            && self.descriptors <= before.descriptors
            && self.memory <= before.memory + SLACK
    }
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gauge { threads, descriptors, memory } = self;
        write!(f, "{threads} threads, {descriptors} descriptors, {:.1} MB", *memory as f64 / 1e6)
    }
}
