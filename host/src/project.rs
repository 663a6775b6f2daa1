//! Builds a handler from a folder with a `Cargo.toml`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde::Deserialize;
use toml::de::DeTable;

use crate::regular_file;

/// The target that makes components.
const TARGET: &str = "wasm32-wasip2";

/// Why a folder gave no handler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no `Cargo.toml` in this folder.
    #[error(
        "{0} has no Cargo.toml; a handler is a component (a .wasm file), or a folder with a \
         Cargo.toml to build one from. To serve its files: --dir {0}::/"
    )]
    NoManifest(PathBuf),
    /// The `Cargo.toml` in this folder is a workspace's, and no package's.
    #[error("{0} is a workspace; serve the folder of one of its packages")]
    Workspace(PathBuf),
    /// `cargo` could not be run.
    #[error("cannot run cargo: {0}; is Rust installed (https://rustup.rs)?")]
    Cargo(io::Error),
    /// The build failed; the compiler has said why on standard error.
    #[error(
        "{0} does not build for {TARGET} ({1}); the compiler's message is above. If it is about a \
         missing target: `rustup target add {TARGET}`"
    )]
    Failed(PathBuf, ExitStatus),
    /// The build succeeded but made no component.
    #[error(
        "{0} builds, but not a component; its Cargo.toml needs\n\n    [lib]\n    \
         crate-type = [\"cdylib\"]\n"
    )]
    NoComponent(PathBuf),
    /// The build made more than one component.
    #[error("{0} builds more than one component; serve one of them:{files}", files = lines(.1))]
    ManyComponents(PathBuf, Vec<PathBuf>),
}

/// Each on a line of its own, below a message.
fn lines(files: &[PathBuf]) -> String {
    files.iter().map(|file| format!("\n    {}", file.display())).collect()
}

/// One of the messages that `cargo build --message-format=json` prints.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Builds the package in `folder` for `wasm32-wasip2` in release mode and returns the
/// component's file. Progress and diagnostics go to standard error, as cargo's do.
///
/// # Errors
///
/// [`BuildError`].
pub fn build(folder: &Path) -> Result<PathBuf, BuildError> {
    let manifest = folder.join("Cargo.toml");
    let manifest =
        manifest.canonicalize().map_err(|_| BuildError::NoManifest(folder.to_owned()))?;
    if is_workspace_only(&manifest) {
        return Err(BuildError::Workspace(folder.to_owned()));
    }
    let output = Command::new("cargo")
        .args(["build", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .arg("--manifest-path")
        .arg(&manifest)
        // The folder's own toolchain file decides, not that of whoever started the host.
        .current_dir(manifest.parent().unwrap_or(folder))
        .env_remove("RUSTUP_TOOLCHAIN")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(BuildError::Cargo)?;
    if !output.status.success() {
        return Err(BuildError::Failed(folder.to_owned(), output.status));
    }
    let mut components: Vec<PathBuf> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .filter(|message| {
            message.reason == "compiler-artifact" && message.manifest_path == manifest
        })
        .flat_map(|message| message.filenames)
        .filter(|file| file.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    match components.pop() {
        None => Err(BuildError::NoComponent(folder.to_owned())),
        Some(component) if components.is_empty() => Ok(component),
        Some(component) => {
            components.push(component);
            Err(BuildError::ManyComponents(folder.to_owned(), components))
        }
    }
}

/// How large a manifest may be in which anything is looked for, in bytes.
const MAX_MANIFEST: u64 = 1 << 20;

/// Whether there is no package in a manifest. What cannot be read is for cargo to tell.
fn is_workspace_only(manifest: &Path) -> bool {
    let bytes = regular_file::read(manifest, MAX_MANIFEST).unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let table = DeTable::parse(&text);
    table.is_ok_and(|table| {
        let has = |key| table.get_ref().contains_key(key);
        has("workspace") && !has("package")
    })
}
