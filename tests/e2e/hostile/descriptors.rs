//! A program that is short of descriptors.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use picohttp_tests::client::{Client, exchange, get};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;
use picohttp_tests::old_kernel::without_openat2;
use picohttp_tests::program;
use picohttp_tests::sandbox::bytes;
use rustix::io::Errno;
use rustix::process::Resource;

use super::program::Program;

#[test]
fn more_clients_than_descriptors_are_served_when_some_go() -> Result<()> {
    let mut program = Program::start(&plugin("hello")?, &["--head-timeout", "1h"])?;
    program.id().limit(Resource::Nofile, 64)?;
    let mut clients = program.connect(200)?;
    clients.iter_mut().try_for_each(|client| client.send("GET /hello HTTP/1.0\r\n"))?;
    program.wait_for("cannot accept clients")?;
    let began = Instant::now();
    // The supervisor tries some times again.
    thread::sleep(Duration::from_millis(500));
    let mut last = Client::connect(program.address)?;
    last.send("GET /hello HTTP/1.0\r\n\r\n")?;
    drop(clients);
    assert_eq!(last.answer()?.status, 200);
    let said = program.log().matches("cannot accept clients").count() as u64;
    ensure!(said <= 1 + began.elapsed().as_secs() / 5, "said {said} times");
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
    let mut command = program::command("sh");
    command.args(["-c", "ulimit -n 48; exec \"$0\" --config \"$1\""]).arg(program::file()?);
    let mut program = Program::run(command.arg(file), folder)?;
    let operators = program.operators()?;
    let is_ready = || get(operators, "/readyz").is_ok_and(|answer| answer.status == 200);
    eventually("all are compiled", is_ready)?;
    // Until that visitor's descriptor is free.
    program.settle()?;
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
    program.id().limit(Resource::Nofile, 64)?;
    for _ in 0..3 {
        if let Some(statuses) = answered_beside(&program, greedy_target)? {
            assert_eq!(statuses, [503; 8]);
            ensure!(!program.log().contains("cannot accept clients"));
            return program.check_nothing_is_left();
        }
    }
    bail!("it never kept them for as long as others took")
}

/// How clients are answered while a guest keeps all the descriptors that it can have. It does so for
/// a second; nothing if that was too short.
fn answered_beside(program: &Program, greedy_target: &str) -> Result<Option<Vec<u16>>> {
    let mut greedy = Client::connect(program.address)?;
    greedy.send(format!("GET {greedy_target} HTTP/1.0\r\n\r\n"))?;
    eventually("it has all it can have", || {
        program.gauge().is_ok_and(|now| now.descriptors >= 64 - 64 / 4)
    })?;
    let mut statuses = Vec::new();
    for mut client in program.connect(8)? {
        client.send("GET /read?path=/etc HTTP/1.0\r\n\r\n")?;
        statuses.push(client.answer()?.status);
    }
    greedy.0.set_nonblocking(true)?;
    let keeps = greedy.0.peek(&mut [0]).is_err();
    greedy.0.set_nonblocking(false)?;
    assert_eq!(greedy.answer()?.status, 503);
    Ok(keeps.then_some(statuses))
}

#[test]
fn what_cannot_be_opened_for_want_of_descriptors_is_not_changed() -> Result<()> {
    for _ in 0..3 {
        if is_not_changed()? {
            return Ok(());
        }
    }
    bail!("there was never a descriptor for the folder and none for a file")
}

/// Whether a file stays as it was that cannot be opened, although its folder can. False if that
/// cannot be told, as the program has had a descriptor more for a moment, which it looks with at
/// how busy the machine is.
fn is_not_changed() -> Result<bool> {
    let top = tempfile::tempdir()?;
    let folder = top.path().join("folder");
    fs::create_dir(&folder)?;
    let granted = format!("{}::/data::rw", top.path().display());
    let mut program = Program::start(&guest("files")?, &["--dir", &granted])?;
    program.id().limit(Resource::Nofile, 64)?;
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
    drop(clients);
    program.check_nothing_is_left()?;
    Ok(!program.log().contains("cannot open a granted folder"))
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
fn clients_leave_descriptors_for_the_host() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [log, rotated] = ["log", "log.1"].map(|name| folder.path().join(name));
    let log_argument = log.to_str().context("no UTF-8")?;
    let args = ["--head-timeout", "1h", "--access-log", log_argument];
    let mut program = Program::start(&plugin("hello")?, &args)?;
    program.id().limit(Resource::Nofile, 64)?;
    let clients = program.connect(200)?;
    program.wait_for("cannot accept clients")?;
    fs::rename(&log, &rotated)?;
    program.id().signal("USR1")?;
    eventually("the log is opened again", || log.exists())?;
    drop(clients);
    program.check_nothing_is_left()
}

#[test]
fn operators_get_in_when_clients_have_all_descriptors() -> Result<()> {
    let args = ["--head-timeout", "1h", "--admin-addr", "127.0.0.1:0"];
    let mut program = Program::start(&plugin("hello")?, &args)?;
    let operators = program.operators()?;
    program.id().limit(Resource::Nofile, 64)?;
    let clients = program.connect(200)?;
    // All descriptors are taken.
    program.wait_for("cannot accept clients")?;
    let request = "GET /metrics HTTP/1.0\r\n\r\n";
    for _ in 0..3 {
        assert_eq!(exchange(operators, request)?.status, 200);
    }
    let silent = (0..5).map(|_| Client::connect(operators)).collect::<Result<Vec<_>>>()?;
    assert_eq!(exchange(operators, request)?.status, 200);
    drop((clients, silent));
    program.check_nothing_is_left()
}
