//! The program as a child process, and what it says.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::client::{self, Answer, PATIENCE};
use crate::guests::build;
use crate::host::eventually;
use crate::process::ProcessId;

/// The program's file, built when it is first asked for.
pub fn file() -> Result<&'static Path> {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    if let Some(file) = FILE.get() {
        return Ok(file);
    }
    let built = executable("--bin", "picohttp-host")?;
    Ok(FILE.get_or_init(|| built))
}

/// The file of one of the library's examples, built.
pub fn example(name: &str) -> Result<PathBuf> {
    executable("--example", name)
}

fn executable(kind: &str, name: &str) -> Result<PathBuf> {
    build(&["--package", "picohttp-host", kind, name])?
        .into_iter()
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .context("the build names no program")
}

/// A command that runs the program in this file, yet without arguments.
pub fn command(file: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(file);
    command.env_remove("RUST_LOG");
    command
}

/// Copies a program to a place from which it can be started at once.
///
/// It is written by a process of its own: what this one writes itself is for a moment open for
/// writing in all that its other threads start meanwhile, and the kernel runs no such file (ETXTBSY
/// in execve(2)).
pub fn install(program: impl AsRef<OsStr>, place: &Path) -> Result<()> {
    let copied = Command::new("cp").arg(program).arg(place).status()?;
    ensure!(copied.success(), "cannot copy to {}", place.display());
    Ok(())
}

/// A running program. It is killed when it is dropped.
pub struct Program {
    child: Child,
    log: Arc<Log>,
    pub address: SocketAddr,
}

/// What a program says.
#[derive(Default)]
struct Log {
    said: Mutex<Said>,
    changed: Condvar,
}

/// What a program has said so far.
#[derive(Default)]
struct Said {
    /// Whole lines.
    text: String,
    rest: Rest,
    /// Whether nobody can say more.
    is_over: bool,
}

/// What is done with what it says next.
#[derive(Default, PartialEq)]
enum Rest {
    #[default]
    Kept,
    Left,
    Refused,
}

impl Program {
    /// Starts a command on a free port and waits until it serves.
    pub fn start(command: &mut Command) -> Result<Program> {
        Program::start_on(command.args(["--port", "0"]))
    }

    /// Starts a command that says where to serve, and waits until it does.
    pub fn start_on(command: &mut Command) -> Result<Program> {
        let mut program = Program::begin(command)?;
        program.wait_until_it_serves()?;
        Ok(program)
    }

    /// Starts a command.
    pub fn begin(command: &mut Command) -> Result<Program> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().context("no standard error")?;
        let log = Arc::new(Log::default());
        let kept = Arc::clone(&log);
        thread::spawn(move || kept.keep(stderr));
        Ok(Program { child, log, address: SocketAddr::from(([0, 0, 0, 0], 0)) })
    }

    pub fn wait_until_it_serves(&mut self) -> Result<()> {
        self.wait_for(SERVES)?;
        self.address = address_in(&self.log())?;
        Ok(())
    }

    /// Waits until all handlers are there that can be: on a busy machine some are still compiled when
    /// the first are served.
    pub fn wait_until_all_are_loaded(&self) -> Result<()> {
        match self.log().contains("the rest follows") {
            true => self.wait_for("serving all that there are"),
            false => Ok(()),
        }
    }

    /// Where operators connect, once that is said.
    pub fn operators(&self) -> Result<SocketAddr> {
        const SAID: &str = "Operators look at http://";
        self.wait_for(SAID)?;
        address_after(SAID, &self.log())
    }

    /// All that was said so far.
    pub fn log(&self) -> String {
        self.log_from(0)
    }

    /// What was said so far behind so many bytes, which are whole lines.
    pub fn log_from(&self, start: usize) -> String {
        self.log.lock().text[start..].to_owned()
    }

    /// Waits until nobody can say more; returns all that was said.
    pub fn whole_log(&self) -> Result<String> {
        self.wait_until("its last word", PATIENCE, |said| said.is_over)?;
        Ok(self.log())
    }

    /// Waits until a text was said.
    pub fn wait_for(&self, text: &str) -> Result<()> {
        self.wait_for_within(text, PATIENCE)
    }

    /// Waits until a text was said, and no longer than this.
    pub fn wait_for_within(&self, text: &str, patience: Duration) -> Result<()> {
        self.wait_until(text, patience, |said| said.text.contains(text))
    }

    /// Waits until a text was said so many times.
    pub fn wait_for_times(&self, text: &str, times: usize) -> Result<()> {
        self.wait_until(text, PATIENCE, |said| said.text.matches(text).count() >= times)
    }

    fn wait_until(
        &self,
        what: &str,
        patience: Duration,
        is_so: impl Fn(&Said) -> bool,
    ) -> Result<()> {
        let waits = |said: &mut Said| !said.is_over && !is_so(said);
        let waited = self.log.changed.wait_timeout_while(self.log.lock(), patience, waits);
        let (said, _) = waited.expect("no panic");
        ensure!(is_so(&said), "never said: {what}\n{}", said.text);
        Ok(())
    }

    /// Leaves what it says next unread.
    pub fn leave_log(&self) {
        self.log.set_rest(Rest::Left);
    }

    /// Reads what it says next, and what was left.
    pub fn read_log(&self) {
        self.log.set_rest(Rest::Kept);
    }

    /// Has it write in vain from its next line on: its log has no reader any more.
    pub fn close_log(&self) {
        self.log.set_rest(Rest::Refused);
    }

    pub fn get(&self, target: &str) -> Result<Answer> {
        client::get(self.address, target)
    }

    /// Sends `GET target` to a host of the program's.
    pub fn get_of(&self, host: &str, target: &str) -> Result<Answer> {
        client::get_of(self.address, host, target)
    }

    pub fn id(&self) -> ProcessId {
        ProcessId(self.child.id())
    }

    /// Sends a signal by its name, such as `TERM`, if the program still runs.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.id().signal(name)
    }

    /// Fails if it has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "it has ended: {}", self.log());
        Ok(())
    }

    /// Waits until it has ended.
    pub fn end(&mut self) -> Result<ExitStatus> {
        let mut status = None;
        eventually("the program ends", || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        })?;
        status.context("no status")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().expect("no panic")
    }

    fn set_rest(&self, rest: Rest) {
        self.lock().rest = rest;
        self.changed.notify_all();
    }

    /// Keeps all lines until there are no more.
    fn keep(&self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8(line)
                .unwrap_or_else(|error| format!("not UTF-8: {:?}", error.as_bytes()));
            let said = self.changed.wait_while(self.lock(), |said| said.rest == Rest::Left);
            let mut said = said.expect("no panic");
            if said.rest == Rest::Refused {
                break;
            }
            said.text.extend([&line, "\n"]);
            self.changed.notify_all();
        }
        self.lock().is_over = true;
        self.changed.notify_all();
    }
}

/// What the program says once it serves, before the address.
const SERVES: &str = "Serving HTTP on http://";

/// The address at which a log says that the program serves.
pub fn address_in(log: &str) -> Result<SocketAddr> {
    address_after(SERVES, log)
}

fn address_after(words: &str, log: &str) -> Result<SocketAddr> {
    let (_, rest) = log.split_once(words).with_context(|| format!("no {words:?} in {log}"))?;
    Ok(rest.split_once('/').context("an address without an end")?.0.parse()?)
}
