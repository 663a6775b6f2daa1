//! Puts a new process in the place of this one, which may be another version of the
//! program: it is started with the listening sockets, and once it serves, this one goes.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{self, Child, Command};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use command_fds::{CommandFdExt, FdMapping};
use parking_lot::Mutex;
use picohttp_host::{Deployer, RunningServer};
use rustix::process::Pid;
use tracing::{error, info, warn};

use crate::confine::Confinement;
use crate::sockets::{CLIENTS, FIRST, GOES, GOES_AND_HAS_RELOADED, OPERATORS, OWNS_CLIENTS, READY};
use crate::{loading, log};

/// How this process was started.
pub struct Restarter {
    program: PathBuf,
    name: OsString,
    args: Vec<OsString>,
    /// What a new process will inherit.
    confinement: Confinement,
    deployer: Arc<Deployer>,
    /// A new process that has been started and does not serve yet, and since when.
    begun: Arc<Mutex<Option<(u32, Instant)>>>,
}

/// A new process.
pub struct Replacement {
    child: Child,
    /// It says here when it serves, and is told when this process will go.
    line: UnixStream,
}

impl Restarter {
    /// Remembers the program by the path that it was started by: the file there may be
    /// another when it is started again.
    pub fn new(confinement: Confinement, deployer: Arc<Deployer>) -> Result<Restarter> {
        let mut args = env::args_os();
        let name = args.next().context("the program was started without a name")?;
        Ok(Restarter {
            program: program().context("the program is not where it was started from")?,
            name,
            args: args.collect(),
            confinement,
            deployer,
            begun: Arc::default(),
        })
    }

    /// Starts a new process, and calls `ready` on another thread once it serves. If it
    /// never does, all is as before. Says whether one was started.
    pub fn start(
        &self,
        server: &RunningServer,
        ready: impl FnOnce(Replacement) + Send + 'static,
    ) -> bool {
        if let Some((process, since)) = *self.begun.lock() {
            let age = since.elapsed();
            warn!(
                process,
                ?age,
                "a new process has been started already, and does not serve yet; end it to try again"
            );
            return false;
        }
        let replacement = match self.spawn(server) {
            Ok(replacement) => replacement,
            Err(error) => {
                log::failed("still serving, as no new process does", &error);
                return false;
            }
        };
        *self.begun.lock() = Some((replacement.child.id(), Instant::now()));
        let begun = Arc::clone(&self.begun);
        let wait = move || match replacement.wait() {
            // It is the one that has been started until it takes over.
            Ok(replacement) => ready(replacement),
            Err(error) => {
                *begun.lock() = None;
                log::failed("still serving, as no new process does", &error);
            }
        };
        if let Err(error) = thread::Builder::new().name("restart".to_owned()).spawn(wait) {
            error!(%error, "cannot wait for the new process");
            *self.begun.lock() = None;
        }
        true
    }

    /// Another can be started, as the one that was has ended.
    pub fn forget(&self) {
        *self.begun.lock() = None;
    }

    /// Starts the program with the sockets.
    fn spawn(&self, server: &RunningServer) -> Result<Replacement> {
        ensure!(process::id() != 1, "this is process 1, and all ends with it");
        let (line, theirs) = UnixStream::pair()?;
        let mut sockets: Vec<(&str, OwnedFd)> = vec![(CLIENTS, server.listener()?.into())];
        if let Some(operators) = server.admin_listener()? {
            sockets.push((OPERATORS, operators.into()));
        }
        sockets.push((READY, theirs.into()));
        let names: Vec<&str> = sockets.iter().map(|(name, _)| *name).collect();
        let mut command = Command::new(&self.program);
        command.arg0(&self.name).args(&self.args);
        command.env("LISTEN_FDS", names.len().to_string());
        command.env("LISTEN_FDNAMES", names.join(":"));
        // Its id is not known yet.
        command.env_remove("LISTEN_PID").env_remove("LISTEN_FDS_FIRST_FD");
        match server.shares_listener() {
            true => command.env_remove(OWNS_CLIENTS),
            false => command.env(OWNS_CLIENTS, "1"),
        };
        loading::tell_missing(&self.deployer, &mut command);
        self.confinement.tell(&mut command);
        let mapping = |(child_fd, (_, parent_fd))| FdMapping { parent_fd, child_fd };
        command.fd_mappings((FIRST..).zip(sockets).map(mapping).collect())?;
        let program = self.program.display();
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        info!(process = child.id(), %program, "started a new process");
        Ok(Replacement { child, line })
    }
}

impl Replacement {
    /// Waits until it serves.
    fn wait(mut self) -> Result<Replacement> {
        if self.line.read_exact(&mut [0]).is_ok() {
            return Ok(self);
        }
        bail!("it has ended ({})", self.child.wait()?)
    }

    /// Tells it that this process goes, and whether that has been asked to reload meanwhile.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn take_over(mut self, has_reloaded: bool) -> Result<Pid> {
        let word = if has_reloaded { GOES_AND_HAS_RELOADED } else { GOES };
        if self.line.write_all(&[word]).is_ok() {
            return Ok(Pid::from_child(&self.child));
        }
        bail!("the new process has ended ({})", self.child.wait()?)
    }
}

/// The path that this program was started by.
pub fn program() -> Option<PathBuf> {
    let found = env::args_os().next().and_then(|name| find(&name));
    found.or_else(|| env::current_exe().ok())
}

/// Where a program is that was started by this name.
fn find(name: &OsStr) -> Option<PathBuf> {
    let path = PathBuf::from(name);
    if path.components().count() > 1 {
        return std::path::absolute(path).ok();
    }
    let folders = env::var_os("PATH")?;
    let mut files = env::split_paths(&folders).map(|folder| folder.join(&path));
    std::path::absolute(files.find(|file| file.is_file())?).ok()
}
