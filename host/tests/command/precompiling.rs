//! `compile`, and who may serve what comes of it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::program::Program;
use tempfile::TempDir;

use crate::configuration::Folder;
use crate::running::{FILE, command, fails, run};

/// Runs `compile`; returns its exit code and what it says.
fn compile(component: &Path, output: &Path) -> Result<(i32, String)> {
    let mut command = Command::new(FILE);
    let (code, _, said) = run(command.arg("compile").arg(component).arg("-o").arg(output))?;
    Ok((code, said))
}

/// A folder with a compiled handler in it.
fn compiled() -> Result<(TempDir, std::path::PathBuf)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("hello.cwasm");
    let (code, said) = compile(&plugin("hello")?, &file)?;
    assert!(code == 0 && said.contains("hello.cwasm: ") && said.contains(" KiB"), "{said}");
    Ok((folder, file))
}

#[test]
fn a_compiled_handler_is_served_if_that_is_allowed() -> Result<()> {
    let (_folder, file) = compiled()?;
    let host = Program::start(command().arg("--allow-precompiled").arg(&file))?;
    assert_eq!(host.get("/hello")?.text(), "Hello world!");
    Ok(())
}

#[test]
fn a_compiled_handler_is_described_if_that_is_allowed() -> Result<()> {
    let (_folder, file) = compiled()?;
    let check = |allow: &[&str]| run(Command::new(FILE).arg("check").args(allow).arg(&file));
    let (code, printed, _) = check(&["--allow-precompiled"])?;
    assert!(code == 0 && printed.contains("  compiled     before\n"), "{printed}");
    assert_eq!(check(&[])?.0, 1);
    Ok(())
}

#[test]
fn a_compiled_handler_is_refused_unless_that_is_allowed() -> Result<()> {
    let (_folder, file) = compiled()?;
    let (code, said) = fails(&[&file])?;
    let says = "this is a compiled component: machine code that nobody can check";
    assert!(code == 1 && said.contains(says) && said.contains("--allow-precompiled"), "{said}");
    Ok(())
}

#[test]
fn a_configuration_may_name_compiled_handlers_if_that_is_allowed() -> Result<()> {
    let (_folder, file) = compiled()?;
    let folder = Folder::new(&format!("[[tenant]]\nname = 'a'\nsource = {file:?}\n"))?;
    let host = folder.serve(&["--allow-precompiled"])?;
    assert_eq!(host.get("/hello")?.text(), "Hello world!");
    let config = folder.path("picohttp.toml");
    let (code, said) = fails(&[OsStr::new("--config"), config.as_os_str()])?;
    assert!(code == 1 && said.contains("tenant.a.source: "), "{said}");
    Ok(())
}

#[test]
fn a_damaged_file_is_refused() -> Result<()> {
    let (_folder, file) = compiled()?;
    let mut bytes = fs::read(&file)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes)?;
    let (code, said) = fails(&[OsStr::new("--allow-precompiled"), file.as_os_str()])?;
    assert!(code == 1 && said.contains("hello.cwasm: the compiled component is damaged"), "{said}");
    Ok(())
}

#[test]
fn no_handler_may_write_where_compiled_ones_are() -> Result<()> {
    let (folder, file) = compiled()?;
    let grant = format!("{}::/data::rw", folder.path().display());
    let args = ["--allow-precompiled".as_ref(), file.as_os_str(), "--dir".as_ref(), grant.as_ref()];
    let (code, said) = fails(&args)?;
    assert!(code == 1 && said.contains("the handler may write in "), "{said}");
    Ok(())
}

#[test]
fn only_handlers_are_compiled_and_to_another_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("x.cwasm");
    let (code, said) = compile(&guest("small_pages")?, &output)?;
    assert!(code == 1 && said.starts_with("error: "), "{said}");
    let copy = folder.path().join("hello.wasm");
    fs::copy(plugin("hello")?, &copy)?;
    let (code, said) = compile(&copy, &copy)?;
    assert!(code == 1 && said.contains("write another file"), "{said}");
    assert!(!output.exists() && fs::read(&copy)?.starts_with(b"\0asm"));
    Ok(())
}

#[test]
fn what_is_no_file_stays_what_it_is() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    fs::write(&target, "")?;
    std::os::unix::fs::symlink(&target, &link)?;
    let (code, said) = compile(&plugin("hello")?, &link)?;
    assert!(code == 0 && fs::symlink_metadata(&link)?.is_symlink(), "{said}");
    assert!(fs::metadata(&target)?.len() > 0);
    Ok(())
}
