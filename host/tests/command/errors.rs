//! What is said about bad input: what is wrong, where, and how to mend it.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use anyhow::{Result, ensure};
use picohttp_tests::guests::plugin;

use crate::running::{FILE, fails, run};

/// Checks that the command fails with this exit code and says all of these.
fn check(args: &[&str], code: i32, says: &[&str]) -> Result<()> {
    let (status, stderr) = fails(args)?;
    for text in says {
        assert!(stderr.contains(text), "{args:?} does not say {text:?}:\n{stderr}");
    }
    assert_eq!(status, code, "{stderr}");
    Ok(())
}

/// Writes a file and checks what the command says about serving it.
fn check_file(bytes: &[u8], says: &[&str]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("handler.wasm");
    fs::write(&file, bytes)?;
    check(&[&file.to_string_lossy()], 1, &[&["error: ", "handler.wasm: "], says].concat())
}

#[test]
fn a_missing_file() -> Result<()> {
    check(&["no/such.wasm"], 1, &["error: cannot read no/such.wasm: No such file"])
}

#[test]
fn an_address_without_its_port() -> Result<()> {
    for flag in ["--addr", "--admin-addr"] {
        check(&[flag, "localhost"], 2, &[flag, "write IP:PORT, like 127.0.0.1:8080"])?;
    }
    Ok(())
}

#[test]
fn what_only_persistent_connections_have_without_them() -> Result<()> {
    for flag in ["--idle-timeout", "--max-requests-per-connection"] {
        check(&["handler.wasm", flag, "5"], 2, &["not provided", "--keep-alive"])?;
    }
    Ok(())
}

#[test]
fn an_access_log_that_cannot_be_opened() -> Result<()> {
    let hello = plugin("hello")?;
    let args = [&*hello.to_string_lossy(), "--port", "0", "--access-log", "/no/such/log"];
    check(&args, 1, &["cannot open the access log: /no/such/log: No such file"])
}

#[test]
fn a_configuration_in_the_place_of_a_handler() -> Result<()> {
    let hint = "'picohttp.toml' is no handler; for a configuration: --config picohttp.toml";
    for args in [&["picohttp.toml"][..], &["check", "picohttp.toml"], &["-q", "picohttp.toml"]] {
        let output = Command::new(FILE).args(args).output()?;
        let said = String::from_utf8(output.stderr)?;
        assert!(output.status.code() == Some(2) && said.contains(hint), "{args:?}: {said}");
    }
    Ok(())
}

#[test]
fn a_flag_that_is_for_the_file_to_say() -> Result<()> {
    let hint = "write it in the file: docs/configuration.md";
    check(&["--config", "picohttp.toml", "--timeout", "5s"], 2, &["--timeout", hint])
}

#[test]
fn a_cause_is_said_once() -> Result<()> {
    for args in [
        &["compile", "no/such.wasm", "--output", "/dev/null"][..],
        &["--no-cache", "--port", "0", "--access-log", "no/such/log"],
        &["--no-cache", "--port", "0", "--tls-cert", "no/such.pem", "--tls-key", "no/such.pem"],
    ] {
        let (_, _, said) = run(Command::new(FILE).args(args))?;
        assert_eq!(said.matches("No such file").count(), 1, "{args:?}: {said}");
    }
    Ok(())
}

/// To open it would be to wait for as long as nobody writes to it.
#[test]
fn a_pipe_in_the_place_of_a_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let pipe = folder.path().join("pipe");
    ensure!(Command::new("mkfifo").arg(&pipe).status()?.success());
    let config = folder.path().join("picohttp.toml");
    fs::write(&config, "include = ['pipe']")?;
    let [pipe, config] = [&pipe, &config].map(|path| path.to_str().unwrap_or_default());
    for args in [
        &["--no-cache", pipe][..],
        &["check", pipe],
        &["call", "--no-cache", pipe, "GET", "/"],
        &["compile", pipe, "--output", "/dev/null"],
        &["--config", pipe],
        &["check", "--config", pipe],
        &["check", "--config", config],
    ] {
        let (code, _, said) = run(Command::new(FILE).args(args))?;
        let text = format!("{pipe}: not a regular file; save what it gives as one");
        ensure!(code == 1 && said.contains(&text), "{args:?}: {said}");
    }
    Ok(())
}

#[test]
fn a_file_that_is_not_wasm() -> Result<()> {
    check_file(b"#!/bin/sh", &["this is not WebAssembly; a handler is a component"])
}

#[test]
fn a_core_module() -> Result<()> {
    let module = wat::parse_str("(module)")?;
    check_file(&module, &["a core module, not a component", "--target wasm32-wasip2"])
}

#[test]
fn a_component_without_a_handler() -> Result<()> {
    let component = wat::parse_str(
        r#"(component
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func (export "run") (canon lift (core func $i "f"))))"#,
    )?;
    let says = ["does not export `handle`; it exports `run`", "handle: func(request: request"];
    check_file(&component, &says)
}

#[test]
fn a_component_with_an_import_that_cannot_be_given() -> Result<()> {
    let component = wat::parse_str(
        r#"(component
            (import "acme:database/store@1.0.0" (instance (export "get" (func))))
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func (export "handle") (canon lift (core func $i "f"))))"#,
    )?;
    check_file(&component, &["imports what this host cannot give: `acme:database/store@1.0.0`"])
}

#[test]
fn a_port_in_use() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let port = taken.local_addr()?.port().to_string();
    let hello = plugin("hello")?;
    let says = [&*format!("cannot listen on 127.0.0.1:{port}"), "in use", "Port 0 is any"];
    check(&[&hello.to_string_lossy(), "--port", &port], 1, &says)
}

#[test]
fn a_folder_without_a_manifest() -> Result<()> {
    let folder = tempfile::tempdir()?;
    check(&[&folder.path().to_string_lossy()], 1, &["has no Cargo.toml; a handler is"])
}

#[test]
fn a_workspace_in_the_place_of_a_package() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("Cargo.toml"), "[workspace]\nmembers = ['a', 'b']\n")?;
    let says = ["is a workspace; serve the folder of one of its packages"];
    check(&[&folder.path().to_string_lossy()], 1, &says)
}

#[test]
fn a_folder_that_does_not_build() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let manifest = "[package]\nname = 'broken'\n[lib]\npath = 'lib.rs'\ncrate-type = ['cdylib']\n";
    fs::write(folder.path().join("Cargo.toml"), manifest)?;
    fs::write(folder.path().join("lib.rs"), "fn broken( {}")?;
    let says =
        ["error: this file contains an unclosed delimiter", "does not build for wasm32-wasip2"];
    check(&[&folder.path().to_string_lossy()], 1, &says)
}

#[test]
fn a_folder_that_builds_no_component() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let manifest = "[package]\nname = 'library'\n[lib]\npath = 'lib.rs'\n";
    fs::write(folder.path().join("Cargo.toml"), manifest)?;
    fs::write(folder.path().join("lib.rs"), "")?;
    let says = ["builds, but not a component", r#"crate-type = ["cdylib"]"#];
    check(&[&folder.path().to_string_lossy()], 1, &says)
}

#[test]
fn bad_values_are_usage_errors_that_show_good_ones() -> Result<()> {
    check(&["--max-memory", "lots"], 2, &["--max-memory", "64KiB, 16MiB"])?;
    check(&["--timeout", "soon"], 2, &["--timeout", "500ms, 10s, 1m"])?;
    check(&["--timeout", "0"], 2, &["--timeout", "more than nothing"])?;
    check(&["--port", "70000"], 2, &["--port", "70000"])?;
    check(&["--addr", "localhost"], 2, &["--addr", "localhost"])?;
    check(&["--dir", "no-such-folder"], 2, &["--dir", "no-such-folder", "No such file"])?;
    check(&["--dir", ".::/::rx"], 2, &["--dir", "::ro or ::rw"])?;
    check(&["--env", "PICOHTTP_UNSET"], 2, &["--env", "PICOHTTP_UNSET=VALUE"])?;
    check(&["--max-concurrent-requests", "0"], 2, &["--max-concurrent-requests"])?;
    check(&["--prot", "80"], 2, &["--port"])
}
