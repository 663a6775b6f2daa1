//! A program that is stopped, signalled, short of descriptors or threads, or whose log
//! nobody reads any more.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picohttp_tests::client::{Client, exchange, get};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;
use picohttp_tests::old_kernel::without_openat2;
use picohttp_tests::sandbox::bytes;
use rustix::io::Errno;
use rustix::process::{Resource, Signal, getuid};
use tempfile::TempDir;

use super::program::{self, Program, address_in};

#[test]
fn a_program_that_was_stopped_goes_on() -> Result<()> {
    let mut program = Program::start(&plugin("hello")?, &[])?;
    let mut clients = program.connect(50)?;
    clients.iter_mut().try_for_each(|client| client.send("GET /hello HT"))?;
    program.signal(Signal::STOP)?;
    clients.iter_mut().try_for_each(|client| client.send("TP/1.0\r\n\r\n"))?;
    let mut late = program.connect(50)?;
    late.iter_mut().try_for_each(|client| client.send("GET /hello HTTP/1.0\r\n\r\n"))?;
    program.signal(Signal::CONT)?;
    for mut client in clients.into_iter().chain(late) {
        assert_eq!(client.answer()?.status, 200);
    }
    program.check_nothing_is_left()
}

#[test]
fn sigpipe_ends_nothing() -> Result<()> {
    let mut program = Program::start(&guest("huge_body")?, &[])?;
    program.signal(Signal::PIPE)?;
    for _ in 0..50 {
        // Gone before its answer is written.
        Client::connect(program.address)?.send("GET /9000000 HTTP/1.0\r\n\r\n")?;
    }
    program.check_nothing_is_left()
}

#[test]
fn a_log_whose_reader_is_gone_ends_nothing() -> Result<()> {
    let mut child =
        program::command(&guest("panic")?)?.arg("-vv").stderr(Stdio::piped()).spawn()?;
    let checked = (|| {
        let mut reader = BufReader::new(child.stderr.take().context("no standard error")?);
        let mut line = String::new();
        while !line.contains("Serving HTTP on ") {
            line.clear();
            ensure!(reader.read_line(&mut line)? > 0, "it has ended");
        }
        let address = address_in(&line)?;
        drop(reader);
        for _ in 0..20 {
            assert_eq!(get(address, "/")?.status, 500);
        }
        ensure!(child.try_wait()?.is_none(), "it has ended");
        Ok(())
    })();
    child.kill()?;
    child.wait()?;
    checked
}

#[test]
fn more_clients_than_descriptors_are_served_when_some_go() -> Result<()> {
    let mut program = Program::start(&plugin("hello")?, &["--head-timeout", "1h"])?;
    program.limit(Resource::Nofile, 64)?;
    let mut clients = program.connect(200)?;
    clients.iter_mut().try_for_each(|client| client.send("GET /hello HTTP/1.0\r\n"))?;
    eventually("the program says so", || {
        program.log().is_ok_and(|log| log.contains("cannot accept clients"))
    })?;
    let mut last = Client::connect(program.address)?;
    last.send("GET /hello HTTP/1.0\r\n\r\n")?;
    drop(clients);
    assert_eq!(last.answer()?.status, 200);
    program.check_nothing_is_left()
}

#[test]
fn guests_that_open_all_they_can_leave_descriptors_for_clients() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("file"), "")?;
    let granted = format!("{}::/data", folder.path().display());
    let program = Program::start(&guest("files")?, &["--dir", &granted])?;
    check_clients_get_in(program, "/open?path=/data/file")
}

#[test]
fn granted_folders_leave_descriptors_for_clients() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("file"), "")?;
    let host = folder.path().display();
    let granted: Vec<_> = (0..60).map(|number| format!("{host}::/{number}")).collect();
    let arguments: Vec<_> = granted.iter().flat_map(|granted| ["--dir", granted]).collect();
    let program = Program::start(&guest("files")?, &arguments)?;
    assert_eq!(program.get("/read?path=/59/file")?.status, 200);
    check_clients_get_in(program, "/open?path=/0/file")
}

#[test]
fn what_instances_begin_with_leaves_descriptors_for_clients() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let component = bytes("answer")?;
    let mut config =
        "[server]\naddr = '127.0.0.1:0'\nadmin_addr = '127.0.0.1:0'\n[[tenant]]\nname = 'a'\n"
            .to_owned();
    for number in 0..40 {
        // A section that nobody reads, so that each is another component.
        let bytes = [&component[..], &[0, 2, 1, number]].concat();
        fs::write(folder.path().join(format!("{number}.wasm")), bytes)?;
        config += &format!("[[tenant.route]]\npath = '/{number}'\nsource = '{number}.wasm'\n");
    }
    let file = folder.path().join("picohttp.toml");
    fs::write(&file, config)?;
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 48; exec \"$0\" --config \"$1\""]).arg(program::file()?);
    command.arg(file).env_remove("RUST_LOG").stdin(Stdio::null());
    let mut program = Program::run(command, folder)?;
    let operators = program.operators()?;
    let is_ready = || get(operators, "/readyz").is_ok_and(|answer| answer.status == 200);
    eventually("all are compiled", is_ready)?;
    let ask = |number| Ok(program.get(&format!("/{number}"))?.status);
    let statuses = (0..40).map(ask).collect::<Result<Vec<_>>>()?;
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    let (served, refused) = (count(200), count(503));
    ensure!(served >= 4 && refused >= 4 && served + refused == 40, "{statuses:?}");
    // Those are served for good, and clients and operators get in.
    assert_eq!((0..40).map(ask).collect::<Result<Vec<_>>>()?, statuses);
    for mut client in program.connect(8)? {
        client.send("GET /none HTTP/1.0\r\n\r\n")?;
        assert_eq!(client.answer()?.status, 404);
    }
    assert_eq!(get(operators, "/healthz")?.status, 200);
    program.check_alive()
}

/// Checks that clients get in, though with nothing for their own files, while a guest keeps all
/// the descriptors that it can have.
fn check_clients_get_in(mut program: Program, greedy_target: &str) -> Result<()> {
    program.limit(Resource::Nofile, 64)?;
    let mut greedy = Client::connect(program.address)?;
    greedy.send(format!("GET {greedy_target} HTTP/1.0\r\n\r\n"))?;
    eventually("it has all it can have", || {
        program.gauge().is_ok_and(|now| now.descriptors >= 64 - 64 / 4)
    })?;
    for mut client in program.connect(8)? {
        client.send("GET /read?path=/etc HTTP/1.0\r\n\r\n")?;
        assert_eq!(client.answer()?.status, 503);
    }
    assert_eq!(greedy.answer()?.status, 503);
    ensure!(!program.log()?.contains("cannot accept clients"));
    program.check_nothing_is_left()
}

#[test]
fn what_cannot_be_opened_for_want_of_descriptors_is_not_changed() -> Result<()> {
    let top = tempfile::tempdir()?;
    let folder = top.path().join("folder");
    fs::create_dir(&folder)?;
    let granted = format!("{}::/data::rw", top.path().display());
    let mut program = Program::start(&guest("files")?, &["--dir", &granted])?;
    program.limit(Resource::Nofile, 64)?;
    let mut clients = Vec::new();
    let write = |name: &str, clients: usize| -> Result<u16> {
        let descriptors = program.before().descriptors + clients;
        eventually("no other request has any", || {
            program.gauge().is_ok_and(|now| now.descriptors == descriptors)
        })?;
        Ok(program.get(&format!("/write?path=/data/folder/{name}"))?.status)
    };
    // With one descriptor less each time, there is one for what was granted, and none for a file.
    while write("file", clients.len())? == 200 {
        fs::write(folder.join("file"), "as it was")?;
        clients.extend(program.connect(1)?);
    }
    assert_eq!(write("another", clients.len())?, 503);
    assert_eq!(fs::read_to_string(folder.join("file"))?, "as it was");
    assert_eq!(fs::read_dir(&folder)?.count(), 1);
    ensure!(!program.log()?.contains("cannot open a granted folder"));
    drop(clients);
    program.check_nothing_is_left()
}

#[test]
fn descriptors_are_left_for_clients_without_openat2_too() -> Result<()> {
    without_openat2(Errno::NOSYS, || {
        guests_that_open_all_they_can_leave_descriptors_for_clients()?;
        granted_folders_leave_descriptors_for_clients()?;
        what_cannot_be_opened_for_want_of_descriptors_is_not_changed()
    })
}

#[test]
fn a_file_that_may_grow_no_more_costs_lines_and_not_the_process() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("access.log");
    let log = log.to_str().context("no text")?;
    let mut program = Program::start(&plugin("hello")?, &["--access-log", log])?;
    program.limit(Resource::Fsize, 4 << 10)?;
    for _ in 0..200 {
        assert_eq!(program.get("/hello")?.status, 200);
    }
    eventually("the program says so", || {
        program.log().is_ok_and(|log| log.contains("lines of the access log are dropped"))
    })?;
    assert_eq!(fs::metadata(log)?.len(), 4 << 10);
    program.check_nothing_is_left()
}

#[test]
fn operators_get_in_when_clients_have_all_descriptors() -> Result<()> {
    let args = ["--head-timeout", "1h", "--admin-addr", "127.0.0.1:0"];
    let mut program = Program::start(&plugin("hello")?, &args)?;
    let operators = program.operators()?;
    program.limit(Resource::Nofile, 64)?;
    let clients = program.connect(200)?;
    eventually("all descriptors are taken", || {
        program.log().is_ok_and(|log| log.contains("cannot accept clients"))
    })?;
    let request = "GET /metrics HTTP/1.0\r\n\r\n";
    for _ in 0..3 {
        assert_eq!(exchange(operators, request)?.status, 200);
    }
    let silent = (0..5).map(|_| Client::connect(operators)).collect::<Result<Vec<_>>>()?;
    assert_eq!(exchange(operators, request)?.status, 200);
    drop((clients, silent));
    program.check_nothing_is_left()
}

/// The program as a user of nobody's, who may have so many threads, and a folder with these
/// handlers. The limit counts all threads of a user, and does not bind root.
fn stranger(user: u32, threads: u32, handlers: &[PathBuf]) -> Result<(Command, TempDir)> {
    let folder =
        tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir()?;
    let file = folder.path().join("picohttp-host");
    fs::copy(program::file()?, &file)?;
    for handler in handlers {
        let copy = folder.path().join(handler.file_name().context("no file")?);
        fs::copy(handler, &copy)?;
        fs::set_permissions(copy, fs::Permissions::from_mode(0o644))?;
    }
    let mut command = Command::new("prlimit");
    command.arg(format!("--nproc={threads}")).arg(file).arg("--no-cache");
    command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::null());
    if getuid().is_root() {
        command.uid(user).gid(user);
    }
    Ok((command, folder))
}

#[test]
fn too_few_threads_is_an_error_that_says_so() -> Result<()> {
    let (mut command, folder) = stranger(64_999, 20, &[plugin("hello")?])?;
    command.arg(folder.path().join("hello.wasm")).args(["--port", "0"]);
    let log = folder.path().join("log");
    let mut child = command.stderr(fs::File::create(&log)?).spawn()?;
    let mut status = None;
    let ended = eventually("it ends", || {
        status = child.try_wait().ok().flatten();
        status.is_some()
    });
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    let log = fs::read_to_string(log)?;
    ended.with_context(|| log.clone())?;
    ensure!(status.and_then(|status| status.code()) == Some(1), "{status:?}: {log}");
    ensure!(log.contains("error: "), "{log}");
    ensure!(!log.contains("panicked"), "{log}");
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
    command.arg("--config").arg(config);
    let mut program = Program::run(command, folder)?;
    let request = "GET / HTTP/1.0\r\nHost: long\r\n\r\n";
    eventually("both are loaded", || {
        let long = exchange(program.address, request);
        long.is_ok_and(|answer| answer.status == 504)
            && program.get("/").is_ok_and(|answer| answer.status == 200)
    })?;
    program.begin_at_rest()?;
    let id = program.pid().to_string();
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
    let said = program.log()?.matches("cannot start a thread").count();
    ensure!((1..20).contains(&said), "said {said} times");
    assert_eq!(program.get("/")?.status, 200);
    limit(1000)?;
    program.check_nothing_is_left()
}

#[test]
fn sleeping_handlers_are_finished_across_a_stop() -> Result<()> {
    let mut program = Program::start(&guest("pause")?, &["--admin-addr", "127.0.0.1:0"])?;
    let mut clients = program.connect(10)?;
    clients.iter_mut().try_for_each(|client| client.send("GET /1000 HTTP/1.0\r\n\r\n"))?;
    let operators = program.operators()?;
    let request = format!("GET /status HTTP/1.0\r\nHost: {operators}\r\n\r\n");
    eventually("all are asleep", || {
        let status = exchange(operators, &request);
        status.is_ok_and(|status| status.text().contains(r#""requests":{"running":10,"#))
    })?;
    program.signal(Signal::STOP)?;
    std::thread::sleep(Duration::from_millis(500));
    program.signal(Signal::CONT)?;
    for client in &mut clients {
        assert_eq!(client.answer()?.status, 200);
    }
    drop(clients);
    program.check_nothing_is_left()
}
