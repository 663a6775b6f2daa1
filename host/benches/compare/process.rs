//! A program that runs in a process group of its own, which is killed as a whole when it
//! is dropped.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::interrupt::Interrupt;

pub struct Process {
    child: Child,
    group: Pid,
    output: PathBuf,
}

impl Process {
    /// Starts a program whose output goes to a file in this folder.
    pub fn start(mut command: Command, folder: &Path) -> Result<Process> {
        let program = command.get_program().to_string_lossy().into_owned();
        let output = folder.join("output");
        let file = File::create(&output)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        Ok(Process { group: Pid::from_child(&child), child, output })
    }

    /// The group that all its processes are in.
    pub fn group(&self) -> Pid {
        self.group
    }

    /// What it has printed so far.
    pub fn output(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.output)?).into_owned())
    }

    /// Fails if it has ended, with its last words.
    pub fn check_alive(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let output = self.output()?;
        let words = output
            .lines()
            .find(|line| line.to_lowercase().contains("error"))
            .or(output.lines().last());
        bail!("it ended ({status}): {}", words.unwrap_or("without a word").trim())
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(&mut self, interrupt: &Interrupt) -> Result<ExitStatus> {
        kill_process_group(self.group, Signal::INT)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("it does not stop");
            }
            interrupt.sleep(Duration::from_millis(5))?;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It fails only if all are gone already.
        let _ = kill_process_group(self.group, Signal::KILL);
        let _ = self.child.wait();
    }
}
