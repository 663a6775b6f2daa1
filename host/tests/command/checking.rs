//! `check`: what a handler imports, holds and costs, and what is wrong with it.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use picohttp_tests::guests::{guest, plugin};
use serde_json::{Value, json};

use crate::configuration::{Folder, granted};
use crate::running::{FILE, run};

/// Runs `check`; returns its exit code and what it says on both streams.
fn check<T: AsRef<OsStr>>(args: &[T]) -> Result<(i32, String, String)> {
    run(Command::new(FILE).arg("check").args(args))
}

/// What `check` says as JSON, and its exit code.
fn check_as_json(args: &[&OsStr]) -> Result<(i32, Value)> {
    let mut command = Command::new(FILE);
    // What takes long is said otherwise.
    command.args(["check", "--format", "json"]).args(args).env("RUST_LOG", "warn");
    let (code, stdout, stderr) = run(&mut command)?;
    assert_eq!(stderr, "");
    Ok((code, serde_json::from_str(&stdout)?))
}

#[test]
fn a_handler_is_described() -> Result<()> {
    let (code, stdout, stderr) = check(&[guest("files")?])?;
    assert_eq!(code, 0, "{stderr}");
    for part in [
        "files.wasm: a handler of the world picohttp:handler/plugin@0.1.0\n",
        "  component    ",
        "  compiled     ",
        "  an instance  is there in ",
        "  memories     1, of 1.1 MiB at first\n",
        "    wasi:filesystem: none but those granted with --dir (`dirs`)\n",
        "    wasi:cli/environment: none but those granted with --env (`environment`)\n",
    ] {
        assert!(stdout.contains(part), "not said: {part}\n{stdout}");
    }
    Ok(())
}

#[test]
fn a_handler_is_described_as_json() -> Result<()> {
    let hello = plugin("hello")?;
    let (code, said) = check_as_json(&[hello.as_os_str()])?;
    assert_eq!((code, &said["ok"], &said["errors"]), (0, &json!(true), &json!([])));
    assert_eq!(said["component_bytes"], fs::metadata(&hello)?.len());
    assert_eq!((&said["memories"], &said["memory_bytes"]), (&json!(1), &json!(1_114_112)));
    for cost in ["compile_seconds", "instantiate_seconds"] {
        assert!(said[cost].as_f64().is_some_and(|seconds| seconds > 0.0), "{said}");
    }
    let given = json!({ "name": "wasi:io", "granted": "given to all" });
    assert!(said["imports"].as_array().context("no list")?.contains(&given), "{said}");
    Ok(())
}

#[test]
fn what_is_wrong_with_a_handler_is_an_error() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("core.wasm");
    fs::write(&file, wat::parse_str("(module)")?)?;
    let (code, stdout, stderr) = check(&[&file])?;
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.contains("core.wasm: this is a core module"), "{stderr}");
    assert!(stderr.ends_with("\n1 error\n"), "{stderr}");
    let (code, said) = check_as_json(&[file.as_os_str()])?;
    assert_eq!((code, &said["ok"]), (1, &json!(false)));
    let message = said["errors"][0]["message"].as_str();
    assert!(message.is_some_and(|text| text.contains("wasm32-wasip2")), "{said}");
    Ok(())
}

#[test]
fn a_handler_that_is_slow_to_begin_is_described_after_fewer_instances() -> Result<()> {
    let (code, said) = check_as_json(&[guest("slow_start")?.as_os_str()])?;
    assert_eq!(code, 0, "{said}");
    let instances = said["instances"].as_u64().context("no number")?;
    assert!((1..101).contains(&instances), "{said}");
    Ok(())
}

#[test]
fn a_handler_that_cannot_begin_is_an_error() -> Result<()> {
    let (code, _, stderr) = check(&[guest("trap_in_start")?])?;
    let says = "no instance can be made of it (trap): wasm trap: ";
    assert!(code == 1 && stderr.contains(says), "{stderr}");
    Ok(())
}

#[test]
fn a_configuration_is_described_as_json() -> Result<()> {
    let folder = Folder::new(&granted("a", "first")?)?;
    let file = folder.path("picohttp.toml");
    let (code, said) = check_as_json(&["--config".as_ref(), file.as_os_str()])?;
    assert_eq!((code, &said["ok"]), (0, &json!(true)), "{said}");
    let tenant = &said["tenants"][0];
    assert_eq!((&tenant["name"], &tenant["hosts"]), (&json!("a"), &json!(["a.test"])));
    let route = &tenant["routes"][0];
    assert_eq!((&route["path"], &route["handler"]), (&json!("/..."), &json!("granted")));
    let import = json!({ "name": "wasi:cli/environment", "granted": "GRANTED" });
    assert!(route["imports"].as_array().context("no list")?.contains(&import), "{said}");
    Ok(())
}

#[test]
fn what_is_wrong_with_a_configuration_has_a_place_in_json() -> Result<()> {
    let folder = Folder::new("max_queu = 7\n")?;
    let file = folder.path("picohttp.toml");
    let (code, said) = check_as_json(&["--config".as_ref(), file.as_os_str()])?;
    assert_eq!((code, &said["ok"]), (1, &json!(false)));
    let error = &said["errors"][0];
    let place = (&error["line"], &error["column"], &error["key"]);
    assert_eq!(place, (&json!(4), &json!(1), &json!("server.max_queu")), "{said}");

    folder.configure("[[tenant]]\nname = 'a'\nsource = 'a.wasm'\n")?;
    folder.write("a.wasm", "#!/bin/sh")?;
    let (_, said) = check_as_json(&["--config".as_ref(), file.as_os_str()])?;
    let error = &said["errors"][0];
    assert_eq!((&error["tenant"], &error["route"]), (&json!("a"), &json!("/...")), "{said}");
    Ok(())
}

#[test]
fn one_thing_is_checked_at_a_time() -> Result<()> {
    for (args, says) in [
        (&[][..], "<FILE>"),
        (&["a.wasm", "--config", "b.toml"], "cannot be used with"),
        (&["--config", "b.toml", "--compile-timeout", "1s"], "cannot be used with"),
    ] {
        let (code, _, stderr) = check(args)?;
        assert!(code == 2 && stderr.contains(says), "{args:?}: {stderr}");
    }
    Ok(())
}
