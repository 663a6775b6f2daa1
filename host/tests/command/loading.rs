//! A start at which not every handler is there.

use std::fs;
use std::process::Command;
use std::thread;

use anyhow::{Result, ensure};
use picohttp_tests::bombs::deep;
use picohttp_tests::client;
use picohttp_tests::host::eventually;
use picohttp_tests::program::Program;
use picohttp_tests::sandbox::bytes;

use crate::configuration::{Folder, granted};
use crate::running::{FILE, command, fails};

/// A tenant whose component is of the test's making.
fn tenant(folder: &Folder, name: &str, component: &[u8]) -> Result<()> {
    folder.write(&format!("tenants.d/{name}.wasm"), component)?;
    let text = format!("[[tenant]]\nname = '{name}'\nhosts = ['{name}.test']\n");
    folder.write(&format!("tenants.d/{name}.toml"), format!("{text}source = '{name}.wasm'\n"))
}

/// A component that is compiled for long. Its number makes it another than the others.
fn slow(number: u8) -> Result<Vec<u8>> {
    Ok([&deep()?[..], &[0, 2, 1, number]].concat())
}

/// One that answers, of a mebibyte more than those.
fn large() -> Result<Vec<u8>> {
    let section = [&[0, 0x82, 0x80, 0x40, 1, b'x'][..], &[0; 1 << 20]].concat();
    Ok([bytes("answer")?, section].concat())
}

#[test]
fn a_handler_that_cannot_be_loaded_keeps_no_other_from_being_served() -> Result<()> {
    let folder = Folder::new(&granted("a", "good")?)?;
    tenant(&folder, "b", b"\0asm\x0d\0\x01\0\xffwrong")?;
    let host = folder.serve(&[])?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "good good");
    let answer = host.get_of("b.test", "/")?;
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("1")));
    assert_eq!(answer.text(), "what is served here is not ready\n");
    host.wait_for("tenant.b.source: ")
}

#[test]
fn one_that_is_mended_is_served_after_a_reload() -> Result<()> {
    let folder = Folder::new(&granted("a", "good")?)?;
    tenant(&folder, "b", b"no component")?;
    let host = folder.serve(&[])?;
    assert_eq!(host.get_of("b.test", "/")?.status, 503);
    folder.write("tenants.d/b.toml", granted("b", "mended")?)?;
    host.signal("HUP")?;
    host.wait_for("serving what has changed")?;
    assert_eq!(host.get_of("b.test", "/")?.text(), "mended mended");
    Ok(())
}

#[test]
fn one_that_is_still_missing_keeps_no_other_from_being_reloaded() -> Result<()> {
    let folder = Folder::new(&granted("a", "old")?)?;
    tenant(&folder, "b", b"no component")?;
    let host = folder.serve(&[])?;
    folder.configure(&granted("a", "new")?)?;
    host.signal("HUP")?;
    host.wait_for("serving what has changed")?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "new new");
    assert_eq!(host.get_of("b.test", "/")?.status, 503);

    // One that was there is another matter.
    folder.configure(&granted("a", "newer")?)?;
    tenant(&folder, "c", b"no component")?;
    host.signal("HUP")?;
    host.wait_for("still serving what was served before")?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "new new");
    Ok(())
}

#[test]
fn handlers_that_are_there_do_not_wait_for_one_that_compiles_for_long() -> Result<()> {
    let operators = "admin_addr = '127.0.0.1:0'\ncompile_timeout = '20s'\n";
    let folder = Folder::new(&format!("{operators}{}", granted("a", "good")?))?;
    tenant(&folder, "b", &deep()?)?;
    let host = folder.begin_to_serve(&[])?;
    host.wait_for("serving what is compiled; the rest follows")?;
    let operators = host.operators()?;
    assert_eq!(host.get_of("b.test", "/")?.status, 503);
    let ready = client::get(operators, "/readyz")?;
    assert_eq!((ready.status, ready.text()), (503, "loading\n"));
    host.wait_for("serving all that there are")?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "good good");
    eventually("it is ready", || {
        client::get(operators, "/readyz").is_ok_and(|ready| ready.status == 200)
    })
}

#[test]
fn a_handler_is_served_before_all_others_are_compiled() -> Result<()> {
    let folder = Folder::new("compile_timeout = '20s'")?;
    for number in 0..=thread::available_parallelism()?.get() {
        tenant(&folder, &format!("b{number}"), &slow(number.try_into()?)?)?;
    }
    // It is begun after them.
    tenant(&folder, "a", &large()?)?;
    let host = folder.begin_to_serve(&[])?;
    host.wait_for("the rest follows")?;
    assert_eq!(host.get_of("a.test", "/")?.status, 503);
    eventually("the good one is served", || {
        host.get_of("a.test", "/").is_ok_and(|answer| answer.status == 200)
    })?;
    ensure!(!host.log().contains("serving all that there are"), "{}", host.log());
    Ok(())
}

#[test]
fn a_tenant_does_not_wait_for_all_that_another_has() -> Result<()> {
    let mut text = "compile_timeout = '20s'\n[[tenant]]\nname = 'b'\n".to_owned();
    let folder = Folder::new("")?;
    for number in 0..6 {
        folder.write(&format!("{number}.wasm"), slow(number)?)?;
        text += &format!("[[tenant.route]]\npath = '/{number}'\nsource = '{number}.wasm'\n");
    }
    folder.configure(&text)?;
    tenant(&folder, "a", &large()?)?;
    let host = folder.begin_to_serve(&[])?;
    eventually("the good one is served", || {
        host.get_of("a.test", "/").is_ok_and(|answer| answer.status == 200)
    })?;
    host.wait_for("the rest follows")?;
    ensure!(!host.log().contains("serving all that there are"), "{}", host.log());
    Ok(())
}

#[test]
fn a_cache_that_some_handler_may_change_is_believed_for_none() -> Result<()> {
    let folder = Folder::new("")?;
    fs::create_dir(folder.path("data"))?;
    let serve = |more: &str| -> Result<Program> {
        folder.configure(&format!("cache_dir = 'data/cache'\n{more}{}", granted("b", "good")?))?;
        let mut command = Command::new(FILE);
        command.arg("--config").arg(folder.path("picohttp.toml")).env("RUST_LOG", "debug");
        let host = Program::start_on(&mut command)?;
        assert_eq!(host.get_of("b.test", "/")?.text(), "good good");
        Ok(host)
    };
    serve("")?.wait_for("kept the compiled component")?;
    serve("")?.wait_for("compiled before")?;
    let other = granted("a", "bad")?;
    let host = serve(&format!("{other}dirs = ['data::/data::rw']\n"))?;
    host.wait_for("granted.wasm: the handler may write in ")?;
    ensure!(!host.log().contains("compiled before"), "{}", host.log());
    Ok(())
}

#[test]
fn a_configuration_without_any_handler_is_not_served() -> Result<()> {
    let folder = Folder::new("")?;
    tenant(&folder, "a", b"no component")?;
    tenant(&folder, "b", b"\0asm\x0d\0\x01\0\xffwrong")?;
    let (code, said) = fails(&["--config", &folder.path("picohttp.toml").to_string_lossy()])?;
    ensure!(code == 1, "{said}");
    for tenant in ["tenant.a.source: ", "tenant.b.source: "] {
        ensure!(said.contains(tenant), "{said}");
    }
    Ok(())
}

#[test]
fn a_reload_that_is_asked_for_before_it_serves_is_done_then() -> Result<()> {
    let folder = Folder::new(&granted("b", "old")?)?;
    tenant(&folder, "a", &slow(0)?)?;
    let mut command = command();
    command.arg("--config").arg(folder.path("picohttp.toml")).env("RUST_LOG", "info");
    let mut host = Program::begin(&mut command)?;
    // By then signals are kept, and the slow one takes seconds.
    host.wait_for("picohttp_host::")?;
    folder.configure(&granted("b", "new")?)?;
    fs::remove_file(folder.path("tenants.d/a.toml"))?;
    host.signal("HUP")?;
    host.wait_until_it_serves()?;
    eventually("it is reloaded", || {
        host.get_of("b.test", "/").is_ok_and(|answer| answer.text() == "new new")
    })
}

#[test]
fn a_reload_that_is_asked_for_while_the_rest_compiles_is_done_then() -> Result<()> {
    let folder = Folder::new(&format!("compile_timeout = '20s'\n{}", granted("a", "old")?))?;
    tenant(&folder, "b", &slow(0)?)?;
    let host = folder.begin_to_serve(&[])?;
    host.wait_for("the rest follows")?;
    folder.configure(&granted("a", "new")?)?;
    fs::remove_file(folder.path("tenants.d/b.toml"))?;
    host.signal("HUP")?;
    host.wait_for("reloading once the rest of the handlers is there")?;
    host.wait_for("serving what has changed")?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "new new");
    Ok(())
}
