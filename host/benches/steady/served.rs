//! The program as it is built for use, with a file of tenants.

use std::fs;
use std::path::Path;

use anyhow::Result;
use picohttp_tests::program::{Program, command};
use tempfile::TempDir;

pub struct Served {
    pub program: Program,
    folder: TempDir,
}

impl Served {
    /// Starts the program with these tenants, and waits until it serves.
    pub fn start(tenants: &str) -> Result<Served> {
        let folder = tempfile::tempdir()?;
        configure(folder.path(), tenants)?;
        let mut command = command(env!("CARGO_BIN_EXE_picohttp-host"));
        command.arg("--config").arg(folder.path().join("picohttp.toml"));
        Ok(Served { program: Program::start_on(&mut command)?, folder })
    }

    /// Changes its file of tenants, at once.
    pub fn configure(&self, tenants: &str) -> Result<()> {
        configure(self.folder.path(), tenants)
    }
}

fn configure(folder: &Path, tenants: &str) -> Result<()> {
    let new = folder.join("new");
    fs::write(&new, format!("[server]\naddr = '127.0.0.1:0'\n{tenants}"))?;
    Ok(fs::rename(new, folder.join("picohttp.toml"))?)
}
