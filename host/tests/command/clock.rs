//! The clock that ends handlers, which naps while there are none, and what ends the host if it
//! stands still.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;
use picohttp_tests::process::ProcessId;
use picohttp_tests::program::Program;

use crate::running::command;

/// The thread of a process that has this name.
fn thread_named(process: ProcessId, name: &str) -> Result<Pid> {
    for thread in process.threads()? {
        if fs::read_to_string(thread.join("comm"))?.trim_end() == name {
            let id = thread.file_name().and_then(|id| id.to_str()).context("no number")?;
            return Ok(Pid::from_raw(id.parse()?));
        }
    }
    anyhow::bail!("no thread {name}")
}

#[test]
fn a_host_whose_clock_stands_still_says_so_and_ends() -> Result<()> {
    let mut host = Program::start(command().arg(guest("spin")?).args(["--timeout", "1h"]))?;
    let mut client = TcpStream::connect(host.address)?;
    client.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
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
    let host = Program::start(command().arg(guest("spin")?).args(["--timeout", "100ms"]))?;
    host.signal("STOP")?;
    // Longer than the clock may stand still while the host runs.
    thread::sleep(Duration::from_secs(6));
    host.signal("CONT")?;
    assert_eq!(host.get("/spin")?.status, 504);
    Ok(())
}

/// How often all threads of a process have gone to sleep so far.
fn sleeps(process: ProcessId) -> Result<u64> {
    let sleeps = process.of_threads("voluntary_ctxt_switches")?;
    Ok(sleeps.iter().map(|count| count.parse::<u64>()).sum::<Result<_, _>>()?)
}

#[test]
fn an_idle_host_is_not_woken_often() -> Result<()> {
    let host = Program::start(command().arg(plugin("hello")?).arg("--keep-alive"))?;
    let _idle = TcpStream::connect(host.address)?;
    assert_eq!(host.get("/hello")?.status, 200);
    let mut before = sleeps(host.id())?;
    eventually("a second in which threads wake less than 100 times", || {
        thread::sleep(Duration::from_secs(1));
        let Ok(now) = sleeps(host.id()) else { return false };
        now.saturating_sub(std::mem::replace(&mut before, now)) < 100
    })?;
    assert_eq!(host.get("/hello")?.status, 200);
    Ok(())
}
