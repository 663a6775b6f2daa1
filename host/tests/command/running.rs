//! The command as a child process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context, Result};
use picohttp_tests::client::{self, Answer};
use picohttp_tests::host::eventually;

/// The command, yet without arguments. What it compiles is kept for no other test.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_picohttp-host"));
    command
        .arg("--no-cache")
        .env_remove("RUST_LOG")
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null());
    command
}

/// Runs the command to its end, which must come by itself.
pub fn fails(args: &[impl AsRef<OsStr>]) -> Result<(i32, String)> {
    let Output { status, stderr, .. } = command().args(args).output()?;
    Ok((status.code().context("killed")?, String::from_utf8(stderr)?))
}

/// A serving command. It is killed when it is dropped.
pub struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
    pub address: SocketAddr,
}

impl Running {
    /// Starts the command on a free port and waits until it serves.
    pub fn start(command: &mut Command) -> Result<Running> {
        Running::start_on(command.args(["--port", "0"]))
    }

    /// Starts the command, on the ports among its arguments, and waits until it serves.
    pub fn start_on(command: &mut Command) -> Result<Running> {
        let mut running = Running::begin(command)?;
        running.wait_until_it_serves()?;
        Ok(running)
    }

    /// Starts the command.
    pub fn begin(command: &mut Command) -> Result<Running> {
        let mut child = command.stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().context("no standard error")?;
        let log = Arc::new(Mutex::new(String::new()));
        let lines = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = lines.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Ok(Running { child, log, address: SocketAddr::from(([0, 0, 0, 0], 0)) })
    }

    pub fn wait_until_it_serves(&mut self) -> Result<()> {
        self.wait_for("Serving HTTP on http://")?;
        let log = self.log();
        let (_, rest) = log.split_once("Serving HTTP on http://").context("not serving")?;
        self.address = rest.split('/').next().unwrap_or_default().parse()?;
        Ok(())
    }

    /// Where operators connect, once that is said.
    pub fn operators(&self) -> Result<SocketAddr> {
        const SAID: &str = "Operators look at http://";
        self.wait_for(SAID)?;
        let log = self.log();
        let (_, rest) = log.split_once(SAID).context("no operators")?;
        Ok(rest.split('/').next().unwrap_or_default().parse()?)
    }

    /// All that was logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log contains a text.
    pub fn wait_for(&self, text: &str) -> Result<()> {
        eventually(text, || self.log().contains(text)).with_context(|| self.log())
    }

    /// Waits until the log contains a text so many times.
    pub fn wait_for_times(&self, text: &str, times: usize) -> Result<()> {
        let said = || self.log().matches(text).count() >= times;
        eventually(text, said).with_context(|| self.log())
    }

    /// Sends `GET target` to a host of the server's.
    pub fn get_of(&self, host: &str, target: &str) -> Result<Answer> {
        client::exchange(self.address, format!("GET {target} HTTP/1.0\r\nHost: {host}\r\n\r\n"))
    }

    pub fn get(&self, target: &str) -> Result<Answer> {
        client::get(self.address, target)
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-s", name, &id]).status()?;
        Ok(())
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the command has ended.
    pub fn end(&mut self) -> Result<ExitStatus> {
        let mut status = None;
        eventually("the command ends", || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        })?;
        status.context("no status")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
