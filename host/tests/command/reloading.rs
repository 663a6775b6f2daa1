//! A file with many tenants that changes while it is served.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Result, ensure};
use picohttp_tests::client::{Client, exchange};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;

use crate::configuration::{Folder, granted};

/// What the log says of a reload.
const CHANGED: &str = "serving what has changed";
const UNCHANGED: &str = "still serving what was served before";

#[test]
fn sighup_serves_what_the_file_says_now() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    folder.write("tenants.d/b.toml", granted("b", "old")?)?;
    let host = folder.serve(&[])?;
    folder.configure(&granted("a", "new")?)?;
    fs::remove_file(folder.path("tenants.d/b.toml"))?;
    folder.write("tenants.d/c.toml", granted("c", "new")?)?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "old old");

    host.signal("HUP")?;
    host.wait_for(CHANGED)?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "new new");
    assert_eq!(host.get_of("b.test", "/")?.status, 404);
    assert_eq!(host.get_of("c.test", "/")?.text(), "new new");
    Ok(())
}

#[test]
fn a_file_that_was_cut_short_changes_nothing() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    let host = folder.serve(&[])?;
    fs::write(folder.path("picohttp.toml"), "")?;
    host.signal("HUP")?;
    host.wait_for(UNCHANGED)?;
    host.wait_for("there is no [[tenant]] to serve")?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "old old");
    Ok(())
}

#[test]
fn a_file_with_an_error_changes_nothing_and_the_log_says_why() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    let host = folder.serve(&[])?;
    folder.configure(&(granted("a", "new")? + "timout = 1\n"))?;
    host.signal("HUP")?;
    host.wait_for(UNCHANGED)?;
    host.wait_for("tenant.a.timout: unknown key; did you mean `timeout`?")?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "old old");

    folder.configure(&granted("a", "new")?)?;
    host.signal("HUP")?;
    host.wait_for(CHANGED)?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "new new");
    Ok(())
}

#[test]
fn each_thing_that_is_wrong_is_a_record() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    let host = folder.serve(&[])?;
    folder.configure("no_such_key = 1\nnor_this = 2\n")?;
    host.signal("HUP")?;
    for what in [UNCHANGED, "no_such_key", "nor_this"] {
        host.wait_for(what)?;
        let log = host.log();
        let line = log.lines().find(|line| line.contains(what)).unwrap_or_default();
        assert!(line.contains(" ERROR "), "{log}");
    }
    Ok(())
}

#[test]
fn a_component_with_an_error_changes_nothing_and_the_log_says_why() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    let host = folder.serve(&[])?;
    folder.configure(&granted("a", "new")?)?;
    folder.write("tenants.d/b.wasm", "#!/bin/sh")?;
    let bad = "[[tenant]]\nname = 'b'\nhosts = ['b']\nsource = 'b.wasm'\n";
    folder.write("tenants.d/b.toml", bad)?;
    host.signal("HUP")?;
    host.wait_for(UNCHANGED)?;
    host.wait_for("tenant.b.source: ")?;
    host.wait_for("this is not WebAssembly")?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "old old");
    Ok(())
}

#[test]
fn what_only_a_restart_can_change_is_told() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    let host = folder.serve(&[])?;
    let server = "keep_alive = true\nmax_queue = 7\n";
    folder.configure(&format!("{server}{}", granted("a", "new")?))?;
    host.signal("HUP")?;
    host.wait_for("counts after a restart keys=\"keep_alive, max_queue\"")?;
    host.wait_for(CHANGED)?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "new new");
    Ok(())
}

#[test]
fn a_request_that_runs_is_not_disturbed() -> Result<()> {
    let source = guest("pause")?;
    let pause = format!("[[tenant]]\nname = 'a'\nsource = {source:?}\n");
    let folder = Folder::new(&pause)?;
    let host = folder.serve(&[])?;
    let mut client = Client::connect(host.address)?;
    client.send("GET /1500 HTTP/1.0\r\n\r\n")?;
    eventually("the request has begun", || host.get("/1").is_ok())?;
    folder.configure(&granted("b", "new")?)?;
    host.signal("HUP")?;
    eventually("the other is served", || {
        host.get_of("b.test", "/").is_ok_and(|answer| answer.status == 200)
    })?;
    assert_eq!(client.answer()?.status, 200);
    Ok(())
}

#[test]
fn a_tenant_that_is_dropped_in_is_noticed() -> Result<()> {
    let folder = Folder::new(&granted("a", "first")?)?;
    let host = folder.serve(&["--watch"])?;
    folder.write("tenants.d/b.toml", granted("b", "second")?)?;
    eventually("it is served", || {
        host.get_of("b.test", "/").is_ok_and(|answer| answer.text() == "second second")
    })?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "first first");

    fs::remove_file(folder.path("tenants.d/b.toml"))?;
    eventually("it is gone", || host.get_of("b.test", "/").is_ok_and(|answer| answer.status == 404))
}

#[test]
fn a_component_that_is_replaced_is_noticed() -> Result<()> {
    let folder = Folder::new("[[tenant]]\nname = 'a'\nsource = 'a.wasm'\n")?;
    folder.put(&plugin("hello")?, "a.wasm")?;
    folder.write("tenants.d/b.toml", granted("b", "first")?)?;
    let host = folder.serve(&["--watch"])?;
    assert_eq!(host.get("/hello")?.text(), "Hello world!");
    folder.put(&plugin("echo")?, "a.wasm")?;
    eventually("the new component is served", || {
        host.get("/hello").is_ok_and(|answer| answer.text().starts_with('{'))
    })?;
    assert_eq!(host.get_of("b.test", "/")?.text(), "first first");
    Ok(())
}

#[test]
fn no_request_is_lost_or_mixed_by_reloads_in_a_row() -> Result<()> {
    let generation = |number: usize| granted("a", &number.to_string());
    let folder = Folder::new(&generation(0)?)?;
    let host = folder.serve(&[])?;
    let stop = AtomicBool::new(false);
    let ask = || -> Result<usize> {
        let answer = host.get_of("a.test", "/")?;
        let words: Vec<usize> =
            answer.text().split(' ').map(str::parse).collect::<Result<_, _>>()?;
        ensure!(answer.status == 200 && words.len() == 2 && words[0] == words[1], "{answer:?}");
        Ok(words[0])
    };
    thread::scope(|scope| {
        let clients = [(); 4].map(|()| {
            scope.spawn(|| -> Result<()> {
                let mut last = 0;
                while !stop.load(Ordering::Relaxed) {
                    let now = ask()?;
                    ensure!(now >= last, "{now} after {last}");
                    last = now;
                }
                Ok(())
            })
        });
        let reload = |number: usize| {
            folder.configure(&generation(number)?)?;
            host.signal("HUP")?;
            host.wait_for_times(CHANGED, number)?;
            ensure!(ask()? == number, "it is not served");
            Ok(())
        };
        let reloaded = (1..=20).try_for_each(reload);
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().expect("a client panicked")?;
        }
        reloaded
    })
}

#[test]
fn the_operators_token_is_read_again() -> Result<()> {
    let server = "admin_addr = '127.0.0.1:0'\nadmin_token_file = 'token'\n";
    let folder = Folder::new(&format!("{server}{}", granted("a", "word")?))?;
    folder.write("token", "old")?;
    let host = folder.serve(&[])?;
    let operators = host.operators()?;
    let status_with = |token: &str| -> Result<u16> {
        let head = format!("GET /status HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n");
        Ok(exchange(operators, head)?.status)
    };
    assert_eq!((status_with("old")?, status_with("new")?), (200, 401));
    folder.write("token", "new")?;
    host.signal("HUP")?;
    host.wait_for(CHANGED)?;
    assert_eq!((status_with("old")?, status_with("new")?), (401, 200));

    folder.write("token", "")?;
    host.signal("HUP")?;
    host.wait_for("still asking operators for the token from before")?;
    host.wait_for("serving what else has changed")?;
    assert_eq!(status_with("new")?, 200);
    Ok(())
}
