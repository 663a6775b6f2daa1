//! The program as it is built for use, with a configuration, and the lines that it logs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long is waited for what it should say.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Program {
    child: Child,
    /// The process that serves now.
    pub process: Pid,
    lines: Receiver<String>,
    pub address: SocketAddr,
    folder: TempDir,
}

impl Program {
    /// Starts it with a file of tenants, and waits until it serves.
    pub fn start(tenants: &str) -> Result<Program> {
        let folder = tempfile::tempdir()?;
        configure(folder.path(), tenants)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_picohttp-host"))
            .arg("--config")
            .arg(folder.path().join("picohttp.toml"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let process = Pid::from_child(&child);
        let stderr = child.stderr.take().context("no standard error")?;
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(stderr).lines().map_while(Result::ok);
            lines.map(|line| send.send(line)).take_while(Result::is_ok).for_each(drop);
        });
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut program = Program { child, process, lines, address, folder };
        let line = program.wait_for("Serving HTTP on http://")?;
        let (_, rest) = line.split_once("http://").context("not serving")?;
        program.address = rest.trim_end_matches('/').parse()?;
        Ok(program)
    }

    /// Changes its file of tenants, at once.
    pub fn configure(&self, tenants: &str) -> Result<()> {
        configure(self.folder.path(), tenants)
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(self.process, signal)?)
    }

    /// Waits until it says this; returns the whole line.
    pub fn wait_for(&self, text: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).with_context(|| format!("never: {text}"))?;
            if line.contains(text) {
                return Ok(line);
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill_process(self.process, Signal::KILL);
        let _ = self.child.wait();
    }
}

fn configure(folder: &Path, tenants: &str) -> Result<()> {
    let new = folder.join("new");
    fs::write(&new, format!("[server]\naddr = '127.0.0.1:0'\n{tenants}"))?;
    Ok(fs::rename(new, folder.join("picohttp.toml"))?)
}
