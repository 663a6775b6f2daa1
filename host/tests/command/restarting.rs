//! One process after another, on the same sockets.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Result, bail, ensure};
use picohttp_tests::client::{Client, get};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;
use picohttp_tests::process::ProcessId;
use picohttp_tests::program::{Program, install};
use picohttp_tests::service_manager::ServiceManager;
use picohttp_tests::successor::{Successor, restart};

use crate::configuration::{Folder, granted};
use crate::running::{FILE, command};

#[test]
fn a_restart_finishes_requests_and_refuses_none() -> Result<()> {
    let mut host = Program::start(command().arg(plugin("echo")?))?;
    let mut client = Client::connect(host.address)?;
    client.send("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n1")?;
    eventually("the request has begun", || host.get("/").is_ok())?;
    let new = restart(&host)?;
    for _ in 0..20 {
        assert_eq!(host.get("/")?.status, 200);
    }
    client.send("2")?;
    assert_eq!(client.answer()?.status, 200);
    assert_eq!(host.end()?.code(), Some(0));
    assert_eq!(host.get("/")?.status, 200);
    new.signal("TERM")?;
    eventually("nobody listens", || Client::connect(host.address).is_err())
}

#[test]
fn who_has_taken_over_refuses_new_clients_when_it_stops() -> Result<()> {
    let mut host = Program::start(command().arg(plugin("echo")?))?;
    let new = restart(&host)?;
    assert_eq!(host.end()?.code(), Some(0));
    let mut client = Client::connect(host.address)?;
    client.send("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n1")?;
    eventually("the request has begun", || host.get("/").is_ok())?;
    new.signal("TERM")?;
    eventually("clients are refused", || Client::connect(host.address).is_err())?;
    client.send("2")?;
    assert_eq!(client.answer()?.status, 200);
    Ok(())
}

#[test]
fn a_restart_takes_the_operators_socket_along() -> Result<()> {
    let mut command = command();
    command.arg(plugin("hello")?).args(["--admin-addr", "127.0.0.1:0"]);
    let mut host = Program::start(&mut command)?;
    let operators = host.operators()?;
    assert_eq!(get(operators, "/healthz")?.status, 200);
    let _new = restart(&host)?;
    assert_eq!(host.end()?.code(), Some(0));
    assert_eq!(get(operators, "/readyz")?.status, 200);
    Ok(())
}

#[test]
fn an_address_that_only_a_start_can_change_is_told() -> Result<()> {
    let folder = Folder::new(&granted("a", "word")?)?;
    let listen_on = |ip: &str| -> Result<()> {
        let server = format!("[server]\naddr = '{ip}:0'\nadmin_addr = '{ip}:0'\n");
        folder.write("picohttp.toml", server + &granted("a", "word")?)
    };
    listen_on("127.0.0.1")?;
    let mut host = folder.serve(&[])?;
    listen_on("127.0.0.2")?;
    let _new = restart(&host)?;
    for key in ["addr", "admin_addr"] {
        host.wait_for(&format!("and not as `{key}` says"))?;
    }
    assert_eq!(host.end()?.code(), Some(0));
    assert_eq!(host.get_of("a.test", "/")?.text(), "word word");
    Ok(())
}

#[test]
fn a_process_that_was_replaced_ends_at_its_second_signal() -> Result<()> {
    let args = ["--timeout", "60s", "--shutdown-timeout", "60s"];
    let mut host = Program::start(command().arg(guest("spin")?).args(args))?;
    let mut client = Client::connect(host.address)?;
    client.send("GET /spin HTTP/1.0\r\n\r\n")?;
    let _new = restart(&host)?;
    host.signal("TERM")?;
    host.wait_for("a second signal ends it at once")?;
    host.signal("TERM")?;
    assert_eq!(host.end()?.code(), Some(143));
    Ok(())
}

#[test]
fn the_program_that_is_started_is_the_one_at_its_path_now() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("picohttp-host");
    install(FILE, &program)?;
    let mut command = Command::new(&program);
    command.arg("--no-cache").arg(plugin("hello")?);
    let mut host = Program::start(&mut command)?;
    // As an update does: the file of the program that runs is gone.
    let (script, new) = (folder.path().join("script"), folder.path().join("new"));
    fs::write(&script, format!("#!/bin/sh\necho the new version >&2\nexec {FILE} \"$@\"\n"))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    install(&script, &new)?;
    fs::rename(&new, &program)?;
    let _new = restart(&host)?;
    host.wait_for("the new version")?;
    assert_eq!(host.end()?.code(), Some(0));
    assert_eq!(host.get("/hello")?.text(), "Hello world!");
    Ok(())
}

#[test]
fn a_new_process_that_fails_changes_nothing_and_the_log_says_why() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    let host = folder.serve(&[])?;
    folder.configure("addres = 1\n")?;
    host.signal("USR2")?;
    host.wait_for("server.addres: unknown key")?;
    host.wait_for("still serving, as no new process does: it has ended (exit status: 1)")?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "old old");

    folder.configure(&granted("a", "new")?)?;
    let _new = restart(&host)?;
    eventually("the new one serves alone", || {
        host.get_of("a.test", "/").is_ok_and(|answer| answer.text() == "new new")
    })
}

#[test]
fn a_handler_that_is_broken_by_now_is_served_by_the_old_process() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    folder.put(&plugin("hello")?, "tenants.d/b.wasm")?;
    folder.write(
        "tenants.d/b.toml",
        "[[tenant]]\nname = 'b'\nhosts = ['b.test']\nsource = 'b.wasm'\n",
    )?;
    let host = folder.serve(&[])?;
    folder.write("tenants.d/b.wasm", "no component")?;
    host.signal("USR2")?;
    host.wait_for("still serving, as no new process does: it has ended (exit status: 1)")?;
    host.wait_for("tenant.b.source: ")?;
    assert_eq!(host.get_of("b.test", "/hello")?.text(), "Hello world!");
    Ok(())
}

#[test]
fn a_handler_that_was_broken_before_keeps_no_new_process_from_serving() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    folder.write("tenants.d/b.wasm", "no component")?;
    let b = "[[tenant]]\nname = 'b'\nhosts = ['b.test']\nsource = 'b.wasm'\n";
    folder.write("tenants.d/b.toml", b)?;
    let mut host = folder.serve(&[])?;
    assert_eq!(host.get_of("b.test", "/")?.status, 503);
    folder.configure(&granted("a", "new")?)?;
    let _new = restart(&host)?;
    assert_eq!(host.end()?.code(), Some(0));
    assert_eq!(host.get_of("a.test", "/")?.text(), "new new");
    assert_eq!(host.get_of("b.test", "/")?.status, 503);
    Ok(())
}

#[test]
fn a_program_that_is_gone_changes_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("picohttp-host");
    install(FILE, &program)?;
    let mut command = Command::new(&program);
    let host = Program::start(command.arg("--no-cache").arg(plugin("hello")?))?;
    fs::remove_file(&program)?;
    host.signal("USR2")?;
    host.wait_for("still serving, as no new process does: cannot start")?;
    assert_eq!(host.get("/hello")?.status, 200);
    Ok(())
}

#[test]
fn a_service_manager_is_told() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    let path = folder.path("notify");
    let manager = ServiceManager::at(&path)?;
    let mut command = command();
    command.arg("--config").arg(folder.path("picohttp.toml")).env("NOTIFY_SOCKET", &path);
    let mut host = Program::start_on(&mut command)?;
    assert_eq!(manager.told()?, "READY=1\n");
    host.signal("HUP")?;
    assert!(manager.told()?.starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(manager.told()?, "READY=1\n");

    host.signal("USR2")?;
    let new = loop {
        match manager.told()?.trim().split_once('=') {
            Some(("MAINPID", id)) => break Successor(ProcessId(id.parse()?)),
            // The new process may be faster.
            Some(("READY", "1")) => {}
            other => bail!("{other:?}"),
        }
    };
    assert_eq!(host.end()?.code(), Some(0));
    new.signal("TERM")?;
    while manager.told()? != "STOPPING=1\n" {}
    Ok(())
}

#[test]
fn no_request_is_lost_by_restarts_in_a_row() -> Result<()> {
    let source = guest("granted")?;
    let mut host = Program::start(command().arg(source).args(["--arg", "word"]))?;
    let stop = AtomicBool::new(false);
    let address = host.address;
    let client = || -> Result<usize> {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            let answer = get(address, "/")?;
            ensure!(answer.status == 200 && answer.text() == "word ", "{answer:?}");
            count += 1;
        }
        Ok(count)
    };
    thread::scope(|scope| {
        let clients = [(); 4].map(|()| scope.spawn(client));
        let mut serving = restart(&host);
        for times in 2..=20 {
            serving = serving.and_then(|old| old.restart(&host, times));
        }
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.join().expect("a client panicked")? > 20);
        }
        assert_eq!(host.end()?.code(), Some(0));
        serving.map(drop)
    })
}
