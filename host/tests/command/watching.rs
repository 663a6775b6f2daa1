//! A handler that changes while it is served.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result};
use picohttp_tests::guests::{plugin, root};
use picohttp_tests::host::eventually;
use picohttp_tests::program::Program;
use tempfile::TempDir;

use crate::configuration::{Folder, granted};
use crate::running::command;

/// A project whose handler answers with `text`.
fn project(text: &str) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let sdk = root().join("guest-sdk");
    let manifest = format!(
        "[package]\nname = 'changing'\nedition = '2024'\n\
         [lib]\npath = 'lib.rs'\ncrate-type = ['cdylib']\n\
         [dependencies]\npicohttp = {{ path = {sdk:?} }}\n\
         [workspace]\n"
    );
    fs::write(folder.path().join("Cargo.toml"), manifest)?;
    for file in ["Cargo.lock", "rust-toolchain.toml"] {
        fs::copy(root().join(file), folder.path().join(file))?;
    }
    answer(folder.path(), text)?;
    Ok(folder)
}

/// Changes the handler to answer with `text`.
fn answer(project: &Path, text: &str) -> Result<()> {
    let code = format!(
        "use picohttp::{{Request, Response, handler}};\n\
         #[handler]\n\
         fn answer(_: &Request, response: &mut Response) {{ response.data = {text}.into(); }}\n"
    );
    Ok(fs::write(project.join("lib.rs"), code)?)
}

#[test]
fn a_change_is_built_and_swapped_in_without_a_request_lost() -> Result<()> {
    let project = project(r#""first""#)?;
    let host = Program::start(command().arg(project.path()).arg("--watch"))?;
    assert_eq!(host.get("/")?.text(), "first");

    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut answers = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                answers.push(host.get("/").map(|answer| (answer.status, answer.body)));
            }
            answers
        });
        let changed = answer(project.path(), r#""second""#).and_then(|()| {
            eventually("the change is served", || {
                host.get("/").is_ok_and(|answer| answer.text() == "second")
            })
        });
        stop.store(true, Ordering::Relaxed);
        let answers = load.join().expect("the load generator panicked");
        assert!(answers.len() > 1);
        for answer in answers {
            let (status, body) = answer?;
            assert!(status == 200 && (body == b"first" || body == b"second"));
        }
        changed
    })
}

#[test]
fn a_build_that_fails_leaves_the_old_handler_and_shows_why() -> Result<()> {
    let project = project(r#""first""#)?;
    let host = Program::start(command().arg(project.path()).arg("--watch"))?;
    answer(project.path(), "no_such_name")?;
    host.wait_for("cannot find value `no_such_name`")?;
    host.wait_for("still serving what was served before")?;
    assert_eq!(host.get("/")?.text(), "first");

    answer(project.path(), r#""mended""#)?;
    eventually("the mended handler is served", || {
        host.get("/").is_ok_and(|answer| answer.text() == "mended")
    })
}

#[test]
fn a_component_file_that_is_replaced_is_served_anew() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("handler.wasm");
    fs::copy(plugin("hello")?, &file)?;
    let host = Program::start(command().arg(&file).arg("--watch"))?;
    assert_eq!(host.get("/hello")?.text(), "Hello world!");

    let new = folder.path().join("new");
    fs::copy(plugin("echo")?, &new)?;
    fs::rename(&new, &file)?;
    eventually("the new component is served", || {
        host.get("/hello").is_ok_and(|answer| answer.text().starts_with('{'))
    })?;

    fs::write(&file, "not wasm")?;
    host.wait_for("still serving what was served before")?;
    assert!(host.get("/hello")?.text().starts_with('{'));
    Ok(())
}

#[test]
fn a_folder_that_is_removed_and_made_anew_is_watched_again() -> Result<()> {
    let top = tempfile::tempdir()?;
    let folder = top.path().join("build");
    let file = folder.join("handler.wasm");
    let build = |plugin: PathBuf| -> Result<()> {
        fs::create_dir(&folder)?;
        fs::copy(plugin, &file)?;
        Ok(())
    };
    build(plugin("hello")?)?;
    let host = Program::start(command().arg(&file).arg("--watch"))?;
    fs::remove_dir_all(&folder)?;
    host.wait_for("still serving what was served before")?;
    build(plugin("echo")?)?;
    eventually("the new component is served", || {
        host.get("/hello").is_ok_and(|answer| answer.text().starts_with('{'))
    })?;
    fs::copy(plugin("hello")?, &file)?;
    eventually("its change is served, too", || {
        host.get("/hello").is_ok_and(|answer| answer.text() == "Hello world!")
    })
}

/// Whether it is noticed that a folder takes the place of another, and what changes in it then,
/// if the handler is at this path in both.
fn assert_replaced_folder_is_watched(handler: &str) -> Result<()> {
    let top = tempfile::tempdir()?;
    let release = |name: &str, plugin: PathBuf| -> Result<PathBuf> {
        let file = top.path().join(name).join(handler);
        fs::create_dir_all(file.parent().context("no folder")?)?;
        fs::copy(plugin, file)?;
        Ok(top.path().join(name))
    };
    let current = release("current", plugin("hello")?)?;
    let file = current.join(handler);
    let host = Program::start(command().arg(&file).arg("--watch"))?;
    let next = release("next", plugin("echo")?)?;
    fs::rename(&current, top.path().join("last"))?;
    fs::rename(next, &current)?;
    eventually("the new component is served", || {
        host.get("/hello").is_ok_and(|answer| answer.text().starts_with('{'))
    })?;
    fs::copy(plugin("hello")?, &file)?;
    eventually("its change is served, too", || {
        host.get("/hello").is_ok_and(|answer| answer.text() == "Hello world!")
    })
}

#[test]
fn a_folder_that_takes_the_place_of_another_is_watched() -> Result<()> {
    assert_replaced_folder_is_watched("handler.wasm")
}

#[test]
fn a_release_that_takes_the_place_of_another_is_watched() -> Result<()> {
    assert_replaced_folder_is_watched("bin/handler.wasm")
}

#[test]
fn a_file_behind_a_link_may_be_written_in_place() -> Result<()> {
    let top = tempfile::tempdir()?;
    fs::create_dir(top.path().join("out"))?;
    let (file, link) = (top.path().join("out/handler.wasm"), top.path().join("handler.wasm"));
    fs::copy(plugin("hello")?, &file)?;
    symlink(&file, &link)?;
    let host = Program::start(command().arg(&link).arg("--watch"))?;
    fs::write(&file, fs::read(plugin("echo")?)?)?;
    eventually("the new component is served", || {
        host.get("/hello").is_ok_and(|answer| answer.text().starts_with('{'))
    })
}

#[test]
fn a_folder_of_tenants_that_goes_takes_nobody_along_and_another_may_come() -> Result<()> {
    let folder = Folder::new("")?;
    let main = "include = ['some.d/*.toml']\n[server]\naddr = '127.0.0.1:0'\n";
    folder.write("picohttp.toml", main.to_owned() + &granted("a", "first")?)?;
    fs::create_dir(folder.path("some.d"))?;
    let host = folder.serve(&["--watch"])?;
    let status = |host: &Program, expected: u16| {
        eventually("the folder is noticed", || {
            host.get_of("b.test", "/").is_ok_and(|answer| answer.status == expected)
        })
    };
    status(&host, 404)?;
    folder.write("some.d/b.toml", granted("b", "second")?)?;
    status(&host, 200)?;
    fs::rename(folder.path("some.d"), folder.path("gone"))?;
    host.wait_for("some.d is not a folder")?;
    assert_eq!(host.get_of("b.test", "/")?.status, 200);
    fs::create_dir(folder.path("some.d"))?;
    host.wait_for("gone=\"b\"")?;
    status(&host, 404)?;
    folder.write("some.d/b.toml", granted("b", "third")?)?;
    status(&host, 200)
}

#[test]
fn a_link_that_leads_elsewhere_is_a_change() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (release, name) in [("1", "hello"), ("2", "echo")] {
        fs::create_dir(folder.path().join(release))?;
        fs::copy(plugin(name)?, folder.path().join(release).join("handler.wasm"))?;
    }
    let current = folder.path().join("current");
    symlink("1", &current)?;
    let host = Program::start(command().arg(current.join("handler.wasm")).arg("--watch"))?;
    assert_eq!(host.get("/hello")?.text(), "Hello world!");

    let new = folder.path().join("new");
    symlink("2", &new)?;
    fs::rename(&new, &current)?;
    eventually("the other release is served", || {
        host.get("/hello").is_ok_and(|answer| answer.text().starts_with('{'))
    })
}

#[test]
fn a_new_folder_with_a_file_that_is_included_is_a_change() -> Result<()> {
    let folder = Folder::new("")?;
    let first = "include = ['sites/*/site.toml']\n[server]\naddr = '127.0.0.1:0'\n";
    folder.write("picohttp.toml", first.to_owned() + &granted("a", "first")?)?;
    fs::create_dir(folder.path("sites"))?;
    let host = folder.serve(&["--watch"])?;
    assert_eq!(host.get_of("b.test", "/")?.status, 404);

    fs::create_dir(folder.path("sites/b"))?;
    folder.write("sites/b/site.toml", granted("b", "second")?)?;
    eventually("it is served", || {
        host.get_of("b.test", "/").is_ok_and(|answer| answer.status == 200)
    })
}
