//! What a process has of the one that it takes the place of, and what it has not.

use std::time::Duration;
use std::{mem, thread};

use anyhow::Result;
use picohttp_tests::client::{Client, get};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;
use picohttp_tests::process::ProcessId;
use picohttp_tests::program::Program;
use picohttp_tests::successor::{Successor, restart};

use crate::configuration::{Folder, granted};
use crate::running::command;

#[test]
fn each_process_has_as_many_descriptors_as_the_one_before() -> Result<()> {
    let host = Program::start(command().arg(plugin("hello")?))?;
    let first = restart(&host)?;
    let mut before = usize::MAX;
    eventually("it has what it will have", || {
        let count = first.0.descriptors().unwrap_or(usize::MAX);
        thread::sleep(Duration::from_millis(100));
        mem::replace(&mut before, count) == count
    })?;
    let third = first.restart(&host, 2)?.restart(&host, 3)?;
    eventually("there are no more", || third.0.descriptors().is_ok_and(|count| count <= before))
}

#[test]
fn a_reload_while_a_new_process_begins_counts() -> Result<()> {
    let folder = Folder::new(&granted("a", "first")?)?;
    let host = folder.serve(&[])?;
    host.signal("USR2")?;
    let mut compilers = Vec::new();
    eventually("a new process has read its configuration", || {
        let begun = host.id().children();
        compilers = begun.into_iter().flat_map(ProcessId::children).collect();
        !compilers.is_empty()
    })?;
    // Not before what follows.
    compilers.iter().try_for_each(|compiler| compiler.signal("STOP"))?;
    folder.write("picohttp.toml", granted("a", "second")?)?;
    host.signal("HUP")?;
    host.wait_for("serving what has changed")?;
    compilers.iter().try_for_each(|compiler| compiler.signal("CONT"))?;
    let _new = Successor::of(&host, 1)?;
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
    let mut host = Program::start(command().arg(guest("spin")?).args(args))?;
    let operators = host.operators()?;
    let mut client = Client::connect(host.address)?;
    client.send("GET /spin HTTP/1.0\r\n\r\n")?;
    let _new = restart(&host)?;
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
