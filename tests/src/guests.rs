//! The components that tests run, each built when it is first asked for.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use picohttp_host::project;
use serde_json::Value;

use crate::text;

/// The top folder of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in a folder")
}

/// A plugin's component, built from `plugins/NAME`.
pub fn plugin(name: &str) -> Result<PathBuf> {
    Ok(project::build(&root().join("plugins").join(name))?)
}

/// A guest's component, built from `tests/guests/NAME.rs` with all others at once, or made
/// of `tests/guests/NAME.wat`.
pub fn guest(name: &str) -> Result<PathBuf> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = match FOLDER.get() {
        Some(folder) => folder,
        None => {
            let built = build_guests()?;
            FOLDER.get_or_init(|| built)
        }
    };
    let file = folder.join(format!("{name}.wasm"));
    if text::is_guest(name) {
        let mut made = tempfile::NamedTempFile::new_in(folder)?;
        made.write_all(&text::guest(name)?)?;
        made.persist(&file)?;
    }
    ensure!(file.is_file(), "there is no guest {name}: is it in tests/guests/Cargo.toml?");
    Ok(file)
}

/// Builds all guests and returns the folder that they are in.
fn build_guests() -> Result<PathBuf> {
    let package = ["--package", "picohttp-guests", "--examples"];
    build(&[&["--release", "--target", "wasm32-wasip2"], &package[..]].concat())?
        .into_iter()
        .filter_map(|message| Some(PathBuf::from(message["filenames"][0].as_str()?)))
        .filter(|file| file.extension().is_some_and(|extension| extension == "wasm"))
        .find_map(|file| file.parent().map(Path::to_owned))
        .context("the build names no component")
}

/// Has cargo build something of the project; returns what it says of it.
pub(crate) fn build(args: &[&str]) -> Result<Vec<Value>> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format=json-render-diagnostics"])
        .args(args)
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "it does not build: {args:?}");
    let lines = output.stdout.split(|&byte| byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}
