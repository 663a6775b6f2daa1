//! A process by its number: signals to it, its limits, and what the kernel says of it.

use std::path::PathBuf;
use std::str::FromStr;
use std::{fmt, fs, io, process};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessId(pub u32);

/// What a process has at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauge {
    pub threads: usize,
    pub descriptors: usize,
    /// Resident bytes.
    pub memory: usize,
}

impl ProcessId {
    /// That of the process that asks.
    pub fn own() -> ProcessId {
        ProcessId(process::id())
    }

    /// What is in one of its files, such as `limits`; see proc(5).
    pub fn read(self, name: &str) -> io::Result<String> {
        fs::read_to_string(self.folder().join(name))
    }

    /// What its `status` says under a name.
    pub fn status(self, name: &str) -> Result<String> {
        Ok(field(&self.read("status")?, name)?.to_owned())
    }

    /// The number that its `status` says under a name; memory is in kilobytes.
    pub fn number(self, name: &str) -> Result<usize> {
        number(&self.read("status")?, name)
    }

    pub fn gauge(self) -> Result<Gauge> {
        let status = self.read("status")?;
        Ok(Gauge {
            threads: number(&status, "Threads")?,
            descriptors: self.descriptors()?,
            memory: number(&status, "VmRSS")? << 10,
        })
    }

    /// How many descriptors it has.
    pub fn descriptors(self) -> io::Result<usize> {
        Ok(fs::read_dir(self.folder().join("fd"))?.count())
    }

    /// The folders that its threads have, as it has one. A thread may end, and its folder go, at
    /// any time.
    pub fn threads(self) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(self.folder().join("task"))?.map(|thread| Ok(thread?.path())).collect()
    }

    /// What the `status` of each of its threads says under a name.
    pub fn of_threads(self, name: &str) -> Result<Vec<String>> {
        let statuses = self.threads()?.into_iter().map(|it| fs::read_to_string(it.join("status")));
        statuses.flatten().map(|status| Ok(field(&status, name)?.to_owned())).collect()
    }

    /// The numbers of its threads that the kernel lets run only when no other would.
    pub fn going_last(self) -> Result<Vec<String>> {
        let goes_last = |thread: &PathBuf| {
            let stat = fs::read_to_string(thread.join("stat")).unwrap_or_default();
            // The fields behind the name, see proc_pid_stat(5).
            stat.rsplit(") ").next().and_then(|fields| fields.split(' ').nth(38)) == Some("5")
        };
        let threads = self.threads()?.into_iter().filter(goes_last);
        Ok(threads.filter_map(|it| Some(it.file_name()?.to_string_lossy().into_owned())).collect())
    }

    /// The processes that it has started and that are still there.
    pub fn children(self) -> Vec<ProcessId> {
        let threads = self.threads().unwrap_or_default().into_iter();
        let children = threads.filter_map(|it| fs::read_to_string(it.join("children")).ok());
        let children = children.collect::<Vec<_>>().join(" ");
        children.split_whitespace().filter_map(|id| Some(ProcessId(id.parse().ok()?))).collect()
    }

    /// Lets it have so much of something from now on, and no more.
    pub fn limit(self, resource: Resource, most: u64) -> Result<()> {
        let id = Pid::from_raw(self.0.try_into()?);
        prlimit(id, resource, Rlimit { current: Some(most), maximum: Some(most) })?;
        Ok(())
    }

    /// Sends a signal by its name, such as `TERM`, if the process is still there.
    pub fn signal(self, name: &str) -> Result<()> {
        let signal = Signal::from_str(&format!("SIG{name}"))?;
        match kill(nix::unistd::Pid::from_raw(self.0.try_into()?), signal) {
            Err(Errno::ESRCH) => Ok(()),
            sent => Ok(sent?),
        }
    }

    fn folder(self) -> PathBuf {
        PathBuf::from(format!("/proc/{self}"))
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Gauge {
    /// Whether there are no more threads and descriptors than before, and no more than so many
    /// bytes of memory more.
    pub fn is_back(&self, before: &Gauge, slack: usize) -> bool {
        self.threads <= before.threads
            && self.descriptors <= before.descriptors
            && self.memory <= before.memory + slack
    }
}

impl fmt::Display for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gauge { threads, descriptors, memory } = self;
        write!(f, "{threads} threads, {descriptors} descriptors, {:.1} MB", *memory as f64 / 1e6)
    }
}

/// What is behind a name in a `status`.
fn field<'a>(status: &'a str, name: &str) -> Result<&'a str> {
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(value.with_context(|| format!("no {name} in {status}"))?.trim())
}

fn number(status: &str, name: &str) -> Result<usize> {
    Ok(field(status, name)?.trim_end_matches(" kB").parse()?)
}
