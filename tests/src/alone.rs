//! Tests that need a process of their own: they count its threads, or use up its
//! descriptors.

use std::env;
use std::process::Command;

use anyhow::{Result, ensure};

/// Says that this process is for one test.
const ALONE: &str = "PICOHTTP_TEST_ALONE";

/// Runs a test in a new process, given its full name.
pub fn alone(name: &str, test: impl FnOnce() -> Result<()>) -> Result<()> {
    if env::var_os(ALONE).is_some() {
        return test();
    }
    let output = Command::new(env::current_exe()?)
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(text.contains("1 passed"), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
