//! What a process has of the one that it takes the place of, and what it has not.

use std::process::Command;
use std::time::Duration;
use std::{fs, mem, thread};

use anyhow::Result;
use picohttp_tests::client::{Client, get};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;

use crate::configuration::{Folder, granted};
use crate::restarting::{SERVES, Successor, restart};
use crate::running::{Running, command};
use crate::stopping::children;

#[test]
fn each_process_has_as_many_descriptors_as_the_one_before() -> Result<()> {
    let host = Running::start(command().arg(plugin("hello")?))?;
    let open = |process: &Successor| fs::read_dir(format!("/proc/{}/fd", process.0));
    let first = restart(&host, 1)?;
    let mut before = usize::MAX;
    eventually("it has what it will have", || {
        let count = open(&first).map_or(usize::MAX, Iterator::count);
        thread::sleep(Duration::from_millis(100));
        mem::replace(&mut before, count) == count
    })?;
    first.signal("USR2")?;
    host.wait_for_times(SERVES, 2)?;
    let second = Successor::of(&host.log())?;
    second.signal("USR2")?;
    host.wait_for_times(SERVES, 3)?;
    let third = Successor::of(&host.log())?;
    eventually("there are no more", || open(&third).is_ok_and(|open| open.count() <= before))
}

#[test]
fn a_reload_while_a_new_process_begins_counts() -> Result<()> {
    let folder = Folder::new(&granted("a", "first")?)?;
    let host = folder.serve(&[])?;
    host.signal("USR2")?;
    let mut compilers = Vec::new();
    eventually("a new process has read its configuration", || {
        let begun = children(&host.id().to_string());
        compilers = begun.iter().flat_map(|process| children(process)).collect();
        !compilers.is_empty()
    })?;
    // Not before what follows.
    Command::new("kill").args(["-s", "STOP"]).args(&compilers).status()?;
    folder.write("picohttp.toml", granted("a", "second")?)?;
    host.signal("HUP")?;
    host.wait_for("serving what has changed")?;
    Command::new("kill").args(["-s", "CONT"]).args(&compilers).status()?;
    host.wait_for(SERVES)?;
    let _new = Successor::of(&host.log())?;
    eventually("the new process serves it, too", || {
        host.get_of("a.test", "/").is_ok_and(|answer| answer.text() == "second second")
    })?;
    host.wait_for_times("serving what has changed", 2)?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "second second");
    Ok(())
}

#[test]
fn operators_ask_the_new_process_while_the_old_one_finishes() -> Result<()> {
    let args = ["--timeout", "60s", "--shutdown-timeout", "60s", "--admin-addr", "127.0.0.1:0"];
    let mut host = Running::start(command().arg(guest("spin")?).args(args))?;
    let operators = host.operators()?;
    let mut client = Client::connect(host.address)?;
    client.send("GET /spin HTTP/1.0\r\n\r\n")?;
    let _new = restart(&host, 1)?;
    host.wait_for("a new process serves; stopping")?;
    eventually("only the new process is asked", || {
        (0..20).all(|_| get(operators, "/readyz").is_ok_and(|answer| answer.status == 200))
    })?;
    host.signal("TERM")?;
    host.wait_for("a second signal ends it at once")?;
    host.signal("TERM")?;
    host.end()?;
    Ok(())
}
