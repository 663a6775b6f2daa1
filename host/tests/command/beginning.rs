//! `new`: a handler to begin with.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use picohttp_tests::guests::root;
use picohttp_tests::program::Program;

use crate::running::{FILE, command, run};

/// Runs `new` in a folder; returns its exit code and what it says on both streams.
fn new(folder: &Path, args: &[&str]) -> Result<(i32, String, String)> {
    run(Command::new(FILE).arg("new").args(args).current_dir(folder))
}

/// The files in a folder, by their paths within it.
fn files(folder: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            found.extend(files(&entry.path())?.iter().map(|path| format!("{name}/{path}")));
        } else {
            found.insert(name);
        }
    }
    Ok(found)
}

#[test]
fn a_handler_in_rust_is_tested_built_and_served() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (code, stdout, stderr) = new(folder.path(), &["first-handler"])?;
    assert_eq!(code, 0, "{stderr}");
    for line in ["    cd first-handler\n", "    cargo test\n", "    picohttp-host --watch .\n"] {
        assert!(stdout.contains(line), "{stdout}");
    }
    let project = folder.path().join("first-handler");
    // Of the versions that this project was tested with.
    fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock"))?;
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet"]).current_dir(&project);
    let tested = cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO_TARGET_DIR").output()?;
    ensure!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
    let said = String::from_utf8_lossy(&tested.stdout).into_owned();
    assert!(said.contains("2 passed"), "{said}");
    let host = Program::start(command().arg("--watch").arg(&project))?;
    assert_eq!(host.get("/hello")?.text(), "Hello world!");
    Ok(())
}

#[test]
fn a_handler_in_another_language_is_the_example_that_is_tested() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (lang, source, more) in [
        ("js", "handler.js", &["package.json", "handler.test.js"][..]),
        ("ts", "handler.ts", &["package.json", "handler.test.js"]),
        ("python", "handler.py", &["test_handler.py"]),
        ("go", "export_wit_world/handler.go", &["export_wit_world/handler_test.go"]),
        ("c", "handler.c", &["memory.c"]),
        ("cpp", "handler.cpp", &["memory.c"]),
        ("zig", "handler.zig", &["memory.c", "handler_test.zig"]),
    ] {
        let (code, stdout, stderr) = new(folder.path(), &[lang, "--lang", lang])?;
        assert_eq!(code, 0, "{lang}: {stderr}");
        let project = folder.path().join(lang);
        let expected =
            [source, "wit/handler.wit"].into_iter().chain(more.iter().copied()).map(str::to_owned);
        assert_eq!(files(&project)?, expected.collect(), "{lang}");
        let examples = root().join("plugins/languages");
        let example = fs::read_to_string(examples.join(lang).join(source))?;
        assert_eq!(fs::read_to_string(project.join(source))?, example, "{lang}");
        let commands = example.lines().filter_map(|line| line.split_once("$ "));
        let mut count = 0;
        for (_, command) in commands {
            assert!(stdout.contains(&format!("    {command}\n")), "{lang}: {stdout}");
            count += 1;
        }
        assert!(count > 0, "{lang} has no commands");
        assert!(stdout.contains("    picohttp-host handler.wasm\n"), "{lang}: {stdout}");
    }
    Ok(())
}

/// Does what `new` says is next, but for serving it, and sees that the tests say they passed.
/// Says so if a tool for it is not here.
fn build_and_test(lang: &str, tools: &[&str], passed: &str) -> Result<()> {
    for tool in tools {
        if Command::new(tool).arg("--version").output().is_err() {
            eprintln!("NOT TESTED: a new handler in {lang}, for want of {tool}");
            return Ok(());
        }
    }
    let folder = tempfile::tempdir()?;
    let (_, stdout, _) = new(folder.path(), &["begun", "--lang", lang])?;
    let (_, next) = stdout.split_once("Next:").context("nothing is next")?;
    let (commands, _) = next.split_once("picohttp-host ").context("it is not served")?;
    let mut shell = Command::new("sh");
    let built = shell.args(["-e", "-c", commands]).current_dir(folder.path()).output()?;
    let said = [&built.stdout[..], &built.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    ensure!(built.status.success() && said.contains(passed), "{lang}: {said}");
    let host = Program::start(command().arg(folder.path().join("begun/handler.wasm")))?;
    assert_eq!(host.get("/hello")?.text(), "Hello world!", "{lang}");
    Ok(())
}

#[test]
fn a_handler_in_javascript_is_built_tested_and_served() -> Result<()> {
    build_and_test("js", &["jco", "node"], "pass 2")
}

#[test]
fn a_handler_in_typescript_is_built_tested_and_served() -> Result<()> {
    build_and_test("ts", &["tsc", "jco", "node"], "pass 2")
}

#[test]
fn a_handler_in_python_is_built_tested_and_served() -> Result<()> {
    build_and_test("python", &["componentize-py", "python3"], "Ran 2 tests")
}

#[test]
fn a_handler_in_c_is_built_and_served() -> Result<()> {
    build_and_test("c", &["python-zig", "wit-bindgen", "wasm-tools"], "")
}

#[test]
fn a_handler_in_cpp_is_built_and_served() -> Result<()> {
    build_and_test("cpp", &["python-zig", "wit-bindgen", "wasm-tools"], "")
}

#[test]
fn a_handler_in_zig_is_built_tested_and_served() -> Result<()> {
    build_and_test("zig", &["python-zig", "wit-bindgen", "wasm-tools"], "All 2 tests passed")
}

#[test]
fn a_handler_in_go_is_built_tested_and_served() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut fetch = Command::new("go");
    fetch.args(["mod", "download", "go.bytecodealliance.org/pkg@v0.4.0"]).current_dir(&folder);
    if fetch.output().is_ok_and(|fetched| !fetched.status.success()) {
        eprintln!("NOT TESTED: a new handler in go, for want of the module of its bindings");
        return Ok(());
    }
    build_and_test(
        "go",
        &["go", "wit-bindgen", "wasm-tools", "jco"],
        "ok  \twit_component/export_wit_world",
    )
}

#[test]
fn tools_that_are_missing_are_named_with_the_line_that_installs_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(FILE);
    command.args(["new", "x", "--lang", "zig"]).current_dir(&folder).env("PATH", folder.path());
    let said = String::from_utf8(command.output()?.stdout)?;
    for install in ["pip install ziglang", "cargo install --locked wasm-tools"] {
        assert_eq!(said.matches(install).count(), 1, "{said}");
    }
    Ok(())
}

#[test]
fn nothing_that_is_there_is_touched() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("taken"))?;
    let (code, _, stderr) = new(folder.path(), &["taken"])?;
    assert!(code == 1 && stderr.contains("taken is there already"), "{stderr}");
    assert_eq!(files(folder.path())?, BTreeSet::new());
    Ok(())
}

#[test]
fn what_cannot_be_begun_is_said_before_anything_is_made() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (args, code, says) in [
        (&["1st"][..], 1, "\"1st\" is no name for a handler"),
        (&["a b"], 1, "is no name for a handler"),
        (&["."], 1, "is no name for a handler"),
        (&["self"], 1, "\"self\" is no name for a package in Rust"),
        (&["picohttp"], 1, "\"picohttp\" is no name for a package in Rust"),
        (&["x", "--sdk", "nowhere"], 1, "there is no SDK in nowhere"),
        (&["x", "--lang", "cobol"], 2, "possible values: rust, js, ts, python, go, c, cpp, zig"),
    ] {
        let (exit, _, stderr) = new(folder.path(), args)?;
        assert!(exit == code && stderr.contains(says), "{args:?}: {exit} {stderr}");
    }
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}
