//! Builds one handler, if it has changed since it was built.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

use crate::tools::Tool;
use crate::{Handler, Language, package, root, target};

impl Language {
    /// The tools that are not here and without which its handlers cannot be built. None if
    /// they have been built since they were last changed.
    ///
    /// # Errors
    ///
    /// When its sources cannot be read.
    pub fn missing(&self) -> Result<Vec<&'static Tool>> {
        let mut missing = Vec::new();
        if !self.is_built(Handler::Example)? || !self.is_built(Handler::Misbehave)? {
            for line in self.commands()? {
                missing.extend(Tool::of(&line));
            }
            missing.sort_by_key(|tool: &&Tool| tool.command);
            missing.dedup_by_key(|tool| tool.command);
            missing.retain(|tool| !tool.is_here());
        }
        Ok(missing)
    }

    /// Builds a handler unless it has been built since it was last changed, and returns the
    /// component's file. `tell` is given each command before it runs.
    ///
    /// # Errors
    ///
    /// What a command printed, if it failed.
    pub fn build(&self, handler: Handler, tell: impl Fn(&str)) -> Result<PathBuf> {
        let folder = self.workplace(handler);
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.with_extension("lock"))?;
        lock.lock()?;
        let component = folder.join(COMPONENT);
        if self.is_built(handler)? {
            return Ok(component);
        }
        fs::remove_dir_all(&folder)?;
        copy(&self.source_folder(handler), &folder)?;
        copy(&root().join("wit"), &folder.join("wit"))?;
        fs::copy(package().join(MEMORY), folder.join(MEMORY))?;
        for command in self.commands()? {
            tell(&command);
            run(&command, &folder)?;
        }
        ensure!(component.is_file(), "{} was built, but not as {COMPONENT}", self.name);
        Ok(component)
    }

    fn is_built(&self, handler: Handler) -> Result<bool> {
        let component = self.workplace(handler).join(COMPONENT);
        let Ok(built) = component.metadata().and_then(|metadata| metadata.modified()) else {
            return Ok(false);
        };
        let shared = [self.example(), package().join(MEMORY), root().join("wit")];
        let sources = [self.source_folder(handler)].into_iter().chain(shared);
        let changed = sources.map(|path| last_change(&path)).collect::<Result<Vec<_>>>()?;
        Ok(changed.into_iter().all(|changed| changed <= built))
    }

    /// The commands that build its handlers, as its example has them.
    fn commands(&self) -> Result<Vec<String>> {
        let text = fs::read_to_string(self.example()).with_context(|| self.name)?;
        let comment = |line: &str| line.trim_start_matches(['/', '!', ' ', '\t']).to_owned();
        let lines = text.lines().map(comment);
        Ok(lines.filter_map(|line| line.strip_prefix("$ ").map(str::to_owned)).collect())
    }

    fn example(&self) -> PathBuf {
        self.source_folder(Handler::Example).join(self.source)
    }

    fn source_folder(&self, handler: Handler) -> PathBuf {
        package().join(handler.folder()).join(self.folder)
    }

    /// Where a handler is built.
    fn workplace(&self, handler: Handler) -> PathBuf {
        target().join(handler.folder()).join(self.folder)
    }
}

/// What handlers in C and its kin are linked with.
const MEMORY: &str = "memory.c";

/// What every handler is built as.
const COMPONENT: &str = "handler.wasm";

/// When the last of the files at a path was changed.
fn last_change(path: &Path) -> Result<SystemTime> {
    let mut last = path.metadata()?.modified()?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            last = last.max(last_change(&entry?.path())?);
        }
    }
    Ok(last)
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn run(command: &str, folder: &Path) -> Result<()> {
    let output = Command::new("sh")
        .args(["-ec", command])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("cannot run sh")?;
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command}\nfailed ({}):\n{text}", output.status);
    Ok(())
}
