//! Where the handler comes from: a file, a folder that is built, or the host itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use picohttp_host::{Cache, Component, Directory, Engine, Sandbox, project};

/// The handler that serves files, built with the host.
const STATIC: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/static.wasm"));

/// A place that handlers can be loaded from, again and again.
pub enum Source {
    /// The embedded handler, over the current folder.
    Static,
    /// A component's file.
    File(PathBuf),
    /// A folder with a `Cargo.toml`.
    Folder(PathBuf),
}

impl Source {
    pub fn new(handler: Option<&Path>) -> Source {
        match handler {
            None => Source::Static,
            Some(path) if path.is_dir() => Source::Folder(path.to_owned()),
            Some(path) => Source::File(path.to_owned()),
        }
    }

    /// Builds the handler if it must be built, and loads it.
    pub fn load(&self, engine: &Engine, sandbox: &Sandbox, cache: &Cache) -> Result<Component> {
        let mut sandbox = sandbox.clone();
        let component = match self {
            Source::Static => {
                if sandbox.directories.is_empty() {
                    sandbox.directories.push(current_folder()?);
                }
                Component::from_bytes(engine, "static", STATIC, sandbox, cache)
            }
            Source::File(file) => Component::from_file(engine, file, sandbox, cache),
            Source::Folder(folder) => {
                let file = project::build(folder)?;
                Component::from_file(engine, file, sandbox, cache)
            }
        };
        Ok(component?)
    }
}

fn current_folder() -> Result<Directory> {
    let host = std::env::current_dir().context("cannot tell the current folder")?;
    Ok(Directory { host, guest: "/".to_owned(), writable: false })
}
