//! What the servers serve: two components and a program, built for this comparison, and a
//! folder that goes away with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use picohttp_host::project;
use tempfile::TempDir;

use crate::mix;
use crate::servers::Place;

pub struct Files {
    /// The handler as a component for picohttp-host.
    pub handler: PathBuf,
    /// The same as a component for wasi:http.
    pub wasi_http: PathBuf,
    /// The same as a native program.
    pub native: PathBuf,
    /// Where picohttp-host keeps what it compiled.
    pub cache: PathBuf,
    folder: TempDir,
}

impl Files {
    pub fn build() -> Result<Files> {
        let folder = tempfile::Builder::new().prefix("picohttp-compare-").tempdir()?;
        Ok(Files {
            handler: project::build(&here().join("handler"))?,
            wasi_http: project::build(&here().join("wasi-http"))?,
            native: native()?,
            cache: folder.path().join("cache"),
            folder,
        })
    }

    /// A new folder, empty, that is removed when it is dropped.
    pub fn new_folder(&self) -> Result<TempDir> {
        Ok(tempfile::tempdir_in(self.folder.path())?)
    }

    /// Writes nginx's configuration to its folder.
    pub fn nginx_conf(&self, place: &Place) -> Result<PathBuf> {
        let Place { folder, port, .. } = place;
        let conf = folder.join("nginx.conf");
        let text = fs::read_to_string(Files::peer("nginx.conf"))?
            .replace("FOLDER", &folder.to_string_lossy())
            .replace("PORT", &port.to_string())
            .replace("KIB", &"x".repeat(1 << 10))
            .replace("HOSTS", &mix::of_nginx(place));
        fs::write(&conf, text)?;
        Ok(conf)
    }

    /// A file that a server other than ours is configured with.
    pub fn peer(name: &str) -> PathBuf {
        here().join("peers").join(name)
    }
}

fn here() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare"))
}

/// Builds the example `native`.
fn native() -> Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--release", "--package", "picohttp-host", "--example", "native"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the example `native` does not build");
    output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "native")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("the build names no program")
}
