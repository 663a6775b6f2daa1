//! The command as a child process.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Context, Result};
use picohttp_tests::program;

/// The command's file.
pub const FILE: &str = env!("CARGO_BIN_EXE_picohttp-host");

/// The command, yet without arguments. What it compiles is kept for no other test.
pub fn command() -> Command {
    let mut command = program::command(FILE);
    command.arg("--no-cache").env_remove("CARGO_TARGET_DIR");
    command
}

/// Runs a command to its end, which must come by itself; returns its exit code and what it says
/// on both streams.
pub fn run(command: &mut Command) -> Result<(i32, String, String)> {
    let output = command.output()?;
    let code = output.status.code().context("killed")?;
    Ok((code, String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

/// What serves nothing: its exit code, and what it says.
pub fn fails(args: &[impl AsRef<OsStr>]) -> Result<(i32, String)> {
    let (code, _, said) = run(command().args(args))?;
    Ok((code, said))
}
