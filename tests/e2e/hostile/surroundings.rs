//! A program that is stopped, signalled, short of threads, or whose log
//! nobody reads any more.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picohttp_tests::client::{Client, exchange};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;
use picohttp_tests::program;
use rustix::process::{Resource, getuid};
use tempfile::TempDir;

use super::program::{Program, command};

#[test]
fn a_program_that_was_stopped_goes_on() -> Result<()> {
    let mut program = Program::start(&plugin("hello")?, &[])?;
    let mut clients = program.connect(50)?;
    clients.iter_mut().try_for_each(|client| client.send("GET /hello HT"))?;
    program.signal("STOP")?;
    clients.iter_mut().try_for_each(|client| client.send("TP/1.0\r\n\r\n"))?;
    let mut late = program.connect(50)?;
    late.iter_mut().try_for_each(|client| client.send("GET /hello HTTP/1.0\r\n\r\n"))?;
    program.signal("CONT")?;
    for mut client in clients.into_iter().chain(late) {
        assert_eq!(client.answer()?.status, 200);
    }
    program.check_nothing_is_left()
}

#[test]
fn a_standstill_that_outlasts_deadlines_costs_no_request_that_has_come() -> Result<()> {
    let mut program = Program::start(&plugin("hello")?, &["--head-timeout", "1s"])?;
    let mut clients = program.connect(100)?;
    clients.iter_mut().try_for_each(|client| client.send("GET /hello HT"))?;
    program.signal("STOP")?;
    clients.iter_mut().try_for_each(|client| client.send("TP/1.0\r\n\r\n"))?;
    std::thread::sleep(Duration::from_millis(1500));
    program.signal("CONT")?;
    for mut client in clients {
        assert_eq!(client.answer()?.status, 200);
    }
    program.check_nothing_is_left()
}

#[test]
fn sigpipe_ends_nothing() -> Result<()> {
    // Of more instances at once, free places keep more memory.
    let mut program = Program::start(&guest("huge_body")?, &["--max-concurrent-requests", "4"])?;
    program.signal("PIPE")?;
    for _ in 0..50 {
        // Gone before its answer is written.
        Client::connect(program.address)?.send("GET /9000000 HTTP/1.0\r\n\r\n")?;
    }
    program.check_nothing_is_left()
}

#[test]
fn a_log_whose_reader_is_gone_ends_nothing() -> Result<()> {
    let mut program = program::Program::start_on(command(&guest("panic")?)?.arg("-vv"))?;
    program.close_log();
    for _ in 0..20 {
        assert_eq!(program.get("/")?.status, 500);
    }
    program.check_alive()
}

#[test]
fn a_file_that_may_grow_no_more_costs_lines_and_not_the_process() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("access.log");
    let log = log.to_str().context("no text")?;
    let mut program = Program::start(&plugin("hello")?, &["--access-log", log])?;
    program.id().limit(Resource::Fsize, 4 << 10)?;
    for _ in 0..200 {
        assert_eq!(program.get("/hello")?.status, 200);
    }
    program.wait_for("lines of the access log are dropped")?;
    assert_eq!(fs::metadata(log)?.len(), 4 << 10);
    program.check_nothing_is_left()
}

/// The program as a user of nobody's, who may have so many threads, and a folder with these
/// handlers. The limit counts all threads of a user, and does not bind root.
fn stranger(user: u32, threads: u32, handlers: &[PathBuf]) -> Result<(Command, TempDir)> {
    let folder =
        tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir()?;
    let file = folder.path().join("picohttp-host");
    program::install(program::file()?, &file)?;
    for handler in handlers {
        let copy = folder.path().join(handler.file_name().context("no file")?);
        fs::copy(handler, &copy)?;
        fs::set_permissions(copy, fs::Permissions::from_mode(0o644))?;
    }
    let mut command = program::command("prlimit");
    command.arg(format!("--nproc={threads}")).arg(file).arg("--no-cache").stdout(Stdio::null());
    if getuid().is_root() {
        command.uid(user).gid(user);
    }
    Ok((command, folder))
}

#[test]
fn too_few_threads_is_an_error_that_says_so() -> Result<()> {
    // With one, there can be no log either.
    for threads in [1, 20] {
        let (mut command, folder) = stranger(64_999, threads, &[plugin("hello")?])?;
        command.arg(folder.path().join("hello.wasm")).args(["--port", "0"]);
        let mut program = program::Program::begin(&mut command)?;
        let status = program.end()?;
        let log = program.whole_log()?;
        ensure!(status.code() == Some(1), "{status:?}: {log}");
        ensure!(log.contains("error: "), "{log}");
        ensure!(!log.contains("panicked"), "{log}");
    }
    Ok(())
}

/// Handlers that run for long, once no more threads than there are can be.
#[test]
fn requests_that_wait_for_a_thread_that_cannot_be_end_in_time() -> Result<()> {
    if !getuid().is_root() {
        eprintln!("SKIPPED: it takes root to limit the threads of a user of its own");
        return Ok(());
    }
    let user = 64_998;
    let (mut command, folder) = stranger(user, 1000, &[guest("answer")?, guest("spin")?])?;
    let config = folder.path().join("picohttp.toml");
    fs::write(
        &config,
        "[server]\naddr = '127.0.0.1:0'\nmax_concurrent_requests = 8\n\
         [[tenant]]\nname = 'quick'\nsource = 'answer.wasm'\n\
         [[tenant]]\nname = 'long'\nhosts = ['long']\nsource = 'spin.wasm'\n\
         timeout = '2s'\nmax_concurrent_requests = 4\n",
    )?;
    let mut program = Program::run(command.arg("--config").arg(config), folder)?;
    let request = "GET / HTTP/1.0\r\nHost: long\r\n\r\n";
    eventually("both are loaded", || {
        let long = exchange(program.address, request);
        long.is_ok_and(|answer| answer.status == 504)
            && program.get("/").is_ok_and(|answer| answer.status == 200)
    })?;
    program.begin_at_rest()?;
    let id = program.id().to_string();
    // The soft limit alone, which can be raised again, and by its own user, who always may.
    let limit = |threads: usize| -> Result<()> {
        let mut limit = Command::new("prlimit");
        limit.uid(user).gid(user);
        limit.arg(format!("--nproc={threads}:")).args(["--pid", &id]);
        ensure!(limit.status()?.success());
        Ok(())
    };
    limit(program.gauge()?.threads)?;

    let mut clients = program.connect(24)?;
    clients.iter_mut().try_for_each(|client| client.send(request))?;
    assert_eq!(program.get("/")?.status, 200);
    let mut statuses = Vec::new();
    for mut client in clients {
        statuses.push(client.answer()?.status);
    }
    ensure!(statuses.iter().all(|status| matches!(status, 503 | 504)), "{statuses:?}");
    ensure!(statuses.contains(&503), "{statuses:?}");
    program.wait_for("cannot start a thread")?;
    let said = program.log().matches("cannot start a thread").count();
    ensure!((1..20).contains(&said), "said {said} times");
    assert_eq!(program.get("/")?.status, 200);
    limit(1000)?;
    program.check_nothing_is_left()
}

#[test]
fn sleeping_handlers_are_finished_across_a_stop() -> Result<()> {
    let mut program = Program::start(&guest("pause")?, &["--admin-addr", "127.0.0.1:0"])?;
    let mut clients = program.connect(10)?;
    clients.iter_mut().try_for_each(|client| client.send("GET /3000 HTTP/1.0\r\n\r\n"))?;
    let operators = program.operators()?;
    let request = format!("GET /status HTTP/1.0\r\nHost: {operators}\r\n\r\n");
    eventually("all are asleep", || {
        let status = exchange(operators, &request);
        status.is_ok_and(|status| status.text().contains(r#""requests":{"running":10,"#))
    })?;
    program.signal("STOP")?;
    std::thread::sleep(Duration::from_millis(500));
    program.signal("CONT")?;
    for client in &mut clients {
        assert_eq!(client.answer()?.status, 200);
    }
    drop(clients);
    program.check_nothing_is_left()
}
