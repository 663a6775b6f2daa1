//! Signals and exit codes.

use std::fs;
use std::io::{Write, pipe};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use anyhow::{Context, Result};
use picohttp_tests::bombs::deep;
use picohttp_tests::client::{Client, get};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;
use picohttp_tests::process::ProcessId;
use picohttp_tests::program::Program;

use crate::running::{FILE, command, run};

#[test]
fn sigterm_and_sigint_end_an_idle_host_with_exit_code_0() -> Result<()> {
    for signal in ["TERM", "INT"] {
        let mut host = Program::start(command().arg(plugin("hello")?))?;
        host.signal(signal)?;
        assert_eq!(host.end()?.code(), Some(0), "{signal}");
    }
    Ok(())
}

#[test]
fn signals_are_heard_and_compilers_waited_for_whoever_started_the_host() -> Result<()> {
    let inherited = ["--ignore-signal=CHLD", "--block-signal=TERM", "--block-signal=XCPU"];
    if !Command::new("env").args(inherited).arg("true").status().is_ok_and(|it| it.success()) {
        eprintln!("SKIPPED: env cannot ignore and block signals");
        return Ok(());
    }
    let hello = plugin("hello")?;
    let with = |args: &[&str]| {
        let mut command = Command::new("env");
        command.args(inherited).arg(FILE).args(args).arg(&hello);
        command
    };
    let mut host = Program::start(&mut with(&["--no-cache"]))?;
    assert_eq!(host.get("/hello")?.status, 200);
    host.signal("TERM")?;
    assert_eq!(host.end()?.code(), Some(0));
    let (code, _, stderr) = run(&mut with(&["check"]))?;
    assert_eq!(code, 0, "{stderr}");
    Ok(())
}

#[test]
fn process_1_of_a_container_can_be_ended_before_it_serves() -> Result<()> {
    let own = ["--pid", "--fork", "--kill-child"];
    if !Command::new("unshare").args(own).arg("true").status().is_ok_and(|it| it.success()) {
        eprintln!("SKIPPED: unshare cannot make a process the first of its kind");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let handler = folder.path().join("slow.wasm");
    fs::write(&handler, deep()?)?;
    let mut command = Command::new("unshare");
    command.args(own).arg(FILE).args(["--no-cache", "--port=0"]);
    let mut outer = Program::begin(command.arg(handler))?;
    let mut first = Vec::new();
    eventually("it compiles", || {
        first = outer.id().children();
        first.iter().any(|process| !process.children().is_empty())
    })?;
    first.iter().try_for_each(|process| process.signal("TERM"))?;
    assert_eq!(outer.end()?.code(), Some(143), "{}", outer.log());
    Ok(())
}

#[test]
fn a_request_that_runs_is_finished_and_new_clients_are_refused() -> Result<()> {
    let mut host = Program::start(command().arg(plugin("echo")?))?;
    let mut client = Client::connect(host.address)?;
    client.send("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n1")?;
    eventually("the request has begun", || host.get("/").is_ok())?;
    host.signal("TERM")?;
    host.wait_for("stopping")?;
    eventually("new clients are refused", || Client::connect(host.address).is_err())?;
    client.send("2")?;
    assert_eq!(client.answer()?.status, 200);
    assert_eq!(host.end()?.code(), Some(0));
    Ok(())
}

#[test]
fn requests_are_waited_for_no_longer_than_the_shutdown_timeout() -> Result<()> {
    let args = ["--timeout", "60s", "--shutdown-timeout", "100ms", "--admin-addr", "127.0.0.1:0"];
    let mut host = Program::start(command().arg(guest("spin")?).args(args))?;
    let operators = host.operators()?;
    let mut client = Client::connect(host.address)?;
    client.send("GET /spin HTTP/1.0\r\n\r\n")?;
    eventually("the handler runs", || {
        get(operators, "/status").is_ok_and(|status| status.text().contains(r#"{"running":1,"#))
    })?;
    host.signal("TERM")?;
    assert_eq!(host.end()?.code(), Some(3));
    host.wait_for(
        "handlers still run and are not waited for tenant=\"spin\" route=\"/...\" running=1",
    )?;
    host.wait_for("cut off at the shutdown timeout")
}

#[test]
fn a_second_signal_ends_at_once() -> Result<()> {
    let args = ["--timeout", "60s", "--shutdown-timeout", "60s"];
    let mut host = Program::start(command().arg(guest("spin")?).args(args))?;
    let mut client = Client::connect(host.address)?;
    client.send("GET /spin HTTP/1.0\r\n\r\n")?;
    host.signal("TERM")?;
    host.wait_for("stopping")?;
    host.signal("TERM")?;
    let status = host.end()?;
    assert_eq!(status.code(), Some(143), "{:?}", status.signal());
    Ok(())
}

#[test]
fn a_second_signal_costs_no_line_of_the_access_log() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log");
    let mut host = Program::start(command().arg(plugin("hello")?).arg("--access-log").arg(&log))?;
    let mut unfinished = Client::connect(host.address)?;
    unfinished.send("GET /")?;
    for _ in 0..20 {
        assert_eq!(host.get("/hello")?.status, 200);
    }
    host.signal("TERM")?;
    host.wait_for("stopping")?;
    host.signal("TERM")?;
    assert_eq!(host.end()?.code(), Some(143));
    assert_eq!(fs::read_to_string(log)?.lines().count(), 20);
    Ok(())
}

#[test]
fn whoever_reads_nothing_keeps_it_from_nothing() -> Result<()> {
    let (reader, mut writer) = pipe()?;
    let mut host = command()
        .arg(plugin("hello")?)
        .args(["-q", "--port", "0"])
        .stdout(writer.try_clone()?)
        .stderr(writer.try_clone()?)
        .spawn()?;
    let id = ProcessId(host.id());
    let terminate = 1 << (15 - 1);
    eventually("it catches signals", || {
        let caught = id.status("SigCgt").unwrap_or_default();
        u64::from_str_radix(&caught, 16).is_ok_and(|mask| mask & terminate != 0)
    })?;
    // As much as a pipe holds, of which what it has said by now is a part.
    rustix::io::ioctl_fionbio(&writer, true)?;
    while writer.write(&[b'x'; 512]).is_ok() {}
    id.signal("TERM")?;
    let mut ended = None;
    let waited = eventually("it ends", || {
        ended = host.try_wait().ok().flatten();
        ended.is_some()
    });
    let _ = host.kill();
    host.wait()?;
    drop(reader);
    waited?;
    assert_eq!(ended.context("no status")?.code(), Some(0));
    Ok(())
}

#[test]
fn a_log_that_nobody_reads_keeps_it_from_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log");
    let mut host = Program::start(command().arg(plugin("hello")?).arg("--access-log").arg(&log))?;
    fs::remove_file(&log)?;
    assert!(Command::new("mkfifo").arg(&log).status()?.success());
    host.signal("HUP")?;
    host.wait_for("cannot open the access log again")?;
    assert_eq!(host.get("/hello")?.status, 200);
    host.signal("TERM")?;
    assert_eq!(host.end()?.code(), Some(0));
    Ok(())
}

#[test]
fn a_log_is_moved_away_while_requests_are_finished() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [log, moved] = ["log", "moved"].map(|name| folder.path().join(name));
    let mut host = Program::start(command().arg(plugin("echo")?).arg("--access-log").arg(&log))?;
    let mut client = Client::connect(host.address)?;
    client.send("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n1")?;
    eventually("the request has begun", || host.get("/").is_ok())?;
    eventually("a line is there", || fs::read_to_string(&log).is_ok_and(|it| !it.is_empty()))?;
    host.signal("TERM")?;
    host.wait_for("stopping")?;
    fs::rename(&log, &moved)?;
    host.signal("USR1")?;
    eventually("the log is there again", || log.exists())?;
    client.send("2")?;
    assert_eq!(client.answer()?.status, 200);
    assert_eq!(host.end()?.code(), Some(0));
    let [log, moved] = [log, moved].map(fs::read_to_string);
    assert_eq!((log?.lines().count(), moved?.lines().count()), (1, 1));
    Ok(())
}
