//! The clock that ends handlers, and what ends the host if the clock stands still.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use picohttp_tests::guests::{guest, plugin};

use crate::running::{Running, command};

/// The thread of a process that has this name.
fn thread_named(process: u32, name: &str) -> Result<Pid> {
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let thread = thread?;
        if fs::read_to_string(thread.path().join("comm"))?.trim_end() == name {
            let id = thread.file_name().into_string().ok().context("no number")?;
            return Ok(Pid::from_raw(id.parse()?));
        }
    }
    anyhow::bail!("no thread {name}")
}

#[test]
fn a_host_whose_clock_stands_still_says_so_and_ends() -> Result<()> {
    let mut host = Running::start(command().arg(plugin("hello")?))?;
    let clock = thread_named(host.id(), "epoch")?;
    // Stops it alone, as a debugger does.
    ptrace::seize(clock, ptrace::Options::empty())?;
    ptrace::interrupt(clock)?;
    host.wait_for("fatal: the clock that ends guests has stopped")?;
    // Its end is told first to who has stopped it.
    while matches!(waitpid(clock, Some(WaitPidFlag::__WALL))?, WaitStatus::PtraceEvent(..)) {}
    let status = host.end()?;
    assert_eq!(status.signal(), Some(Signal::SIGABRT as i32), "{status:?}");
    ensure!(!status.core_dumped());
    Ok(())
}

#[test]
fn a_host_that_was_stopped_goes_on_and_so_do_deadlines() -> Result<()> {
    let host = Running::start(command().arg(guest("spin")?).args(["--timeout", "100ms"]))?;
    host.signal("STOP")?;
    // Longer than the clock may stand still while the host runs.
    thread::sleep(Duration::from_secs(6));
    host.signal("CONT")?;
    assert_eq!(host.get("/spin")?.status, 504);
    Ok(())
}
