//! The program as a child process, and what it has: threads, descriptors, memory.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use picohttp_tests::client::{self, Answer, Client};
use picohttp_tests::guests::root;
use picohttp_tests::host::eventually;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

/// How many bytes of memory more it may keep: what it has used once it may use again.
const MEMORY_LEFT: usize = 16 << 20;

/// A running program. It is killed when it is dropped.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
    before: Gauge,
    folder: TempDir,
}

/// What the program has at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge {
    pub threads: usize,
    pub descriptors: usize,
    /// Resident bytes.
    pub memory: usize,
}

impl Program {
    /// Starts it on a free port, and lets it answer once: what it has after that is what it
    /// must have again in the end.
    pub fn start(handler: &Path, args: &[&str]) -> Result<Program> {
        let mut command = command(handler)?;
        command.args(args);
        Program::run(command, tempfile::tempdir()?)
    }

    /// Starts it with what a file in this folder says, whose port must be 0.
    pub fn configured(config: &str, folder: TempDir) -> Result<Program> {
        let file = folder.path().join("picohttp.toml");
        fs::write(&file, config)?;
        let mut command = Command::new(self::file()?);
        command.arg("--config").arg(file).env_remove("RUST_LOG").stdin(Stdio::null());
        Program::run(command, folder)
    }

    /// Starts it with a command that says all, with this folder as its own.
    pub fn run(mut command: Command, folder: TempDir) -> Result<Program> {
        command.stderr(File::create(folder.path().join("log"))?);
        let child = command.spawn()?;
        let (address, before) = (SocketAddr::from(([0, 0, 0, 0], 0)), Gauge::default());
        let mut program = Program { child, address, before, folder };
        eventually("it serves", || {
            program.log().is_ok_and(|log| log.contains("Serving HTTP on "))
        })?;
        program.address = address_in(&program.log()?)?;
        program.get("/1")?;
        program.begin_at_rest()?;
        Ok(program)
    }

    /// Once it is at rest, takes what it has now for what it had before.
    pub fn begin_at_rest(&mut self) -> Result<()> {
        self.before = self.settle()?;
        Ok(())
    }

    pub fn get(&self, target: &str) -> Result<Answer> {
        client::get(self.address, target)
    }

    pub fn connect(&self, count: usize) -> Result<Vec<Client>> {
        (0..count).map(|_| Client::connect(self.address)).collect()
    }

    /// Lets it have so much of something from now on, and no more.
    pub fn limit(&self, resource: Resource, most: u64) -> Result<()> {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        prlimit(Some(self.pid()), resource, limit)?;
        Ok(())
    }

    /// Where operators can connect, if they can.
    pub fn operators(&self) -> Result<SocketAddr> {
        let says = "Operators look at http://";
        eventually("it says where", || self.log().is_ok_and(|log| log.contains(says)))?;
        address_after(says, &self.log()?)
    }

    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("log"))?)
    }

    /// Where its log is, and what else was given to it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Fails if it has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "it has ended: {}", self.log()?);
        Ok(())
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(self.pid(), signal)?)
    }

    pub fn before(&self) -> Gauge {
        self.before
    }

    pub fn gauge(&self) -> Result<Gauge> {
        let folder = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(folder.join("status"))?;
        let field = |name: &str| {
            let value = status.lines().find_map(|line| line.strip_prefix(name));
            let value = value.with_context(|| format!("no {name}"))?;
            anyhow::Ok(value.trim().trim_end_matches(" kB").parse::<usize>()?)
        };
        Ok(Gauge {
            threads: field("Threads:")?,
            descriptors: fs::read_dir(folder.join("fd"))?.count(),
            memory: field("VmRSS:")? << 10,
        })
    }

    /// Waits until it has no more threads and descriptors than before, and next to no more
    /// memory, and checks that it still answers.
    pub fn check_nothing_is_left(&mut self) -> Result<()> {
        let Gauge { threads, descriptors, memory } = self.before;
        eventually("all is as before", || {
            self.gauge().is_ok_and(|now| {
                now.threads <= threads
                    && now.descriptors <= descriptors
                    && now.memory <= memory + MEMORY_LEFT
            })
        })
        .with_context(|| format!("{:?} -> {:?}", self.before, self.gauge()))?;
        self.check_alive()?;
        self.get("/1")?;
        Ok(())
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

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that serves a handler on a free port.
pub fn command(handler: &Path) -> Result<Command> {
    let mut command = Command::new(file()?);
    command.arg(handler).args(["--port", "0", "--no-cache"]);
    command.env_remove("RUST_LOG").stdin(Stdio::null());
    Ok(command)
}

/// The address that the first line of a log says.
pub fn address_in(log: &str) -> Result<SocketAddr> {
    address_after("Serving HTTP on http://", log)
}

fn address_after(words: &str, log: &str) -> Result<SocketAddr> {
    let (_, rest) = log.split_once(words).with_context(|| format!("no \"{words}\""))?;
    Ok(rest.split('/').next().unwrap_or_default().parse()?)
}

/// The program's file, built when it is first asked for.
pub fn file() -> Result<&'static Path> {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    if let Some(file) = FILE.get() {
        return Ok(file);
    }
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "picohttp-host", "--bin", "picohttp-host"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the program does not build");
    let built = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "picohttp-host")
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .context("the build names no program")?;
    Ok(FILE.get_or_init(|| built))
}
