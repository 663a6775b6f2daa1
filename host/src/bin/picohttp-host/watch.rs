//! Loads the handler again when its files change.

use std::path::{Component as Part, Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tracing::error;

use crate::source::Source;

/// How long files must stay as they are before they are taken to be complete: editors
/// and linkers write in several steps.
const QUIET: Duration = Duration::from_millis(100);

/// The changes of a source's files, from when they are watched.
pub struct Changes {
    /// It watches while it lives.
    _watcher: Option<RecommendedWatcher>,
    events: Receiver<()>,
}

/// Watches a source's files.
pub fn watch(source: &Source) -> Result<Changes> {
    let (sender, events) = mpsc::channel();
    let (root, only) = match source {
        Source::Static => return Ok(Changes { _watcher: None, events }),
        Source::Folder(folder) => (folder.clone(), None),
        // The folder is watched and not the file: a file that is replaced is another one.
        Source::File(file) => {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            (folder.unwrap_or(Path::new(".")).to_owned(), file.file_name().map(PathBuf::from))
        }
    };
    let root = root.canonicalize().with_context(|| format!("cannot watch {}", root.display()))?;
    let relevant = {
        let root = root.clone();
        move |path: &Path| match (&only, path.strip_prefix(&root)) {
            (Some(only), Ok(path)) => path == only,
            (None, Ok(path)) => !is_output(path),
            (_, Err(_)) => false,
        }
    };
    let mut watcher =
        notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
            Ok(event) if event.paths.iter().any(|path| relevant(path)) => {
                // Nobody listens any more when the process is about to end.
                let _ = sender.send(());
            }
            Ok(_) => {}
            Err(error) => error!(%error, "cannot watch the handler's files"),
        })?;
    let mode = match source {
        Source::File(_) => RecursiveMode::NonRecursive,
        _ => RecursiveMode::Recursive,
    };
    watcher.watch(&root, mode).with_context(|| format!("cannot watch {}", root.display()))?;
    Ok(Changes { _watcher: Some(watcher), events })
}

impl Changes {
    /// Calls `changed` after each burst of changes, for as long as there can be any.
    pub fn for_each(&self, changed: impl Fn()) {
        while self.events.recv().is_ok() {
            while !matches!(self.events.recv_timeout(QUIET), Err(RecvTimeoutError::Timeout)) {}
            changed();
        }
    }
}

/// Whether a path within a project is something that building or editing leaves behind.
fn is_output(path: &Path) -> bool {
    let first = path.components().next();
    let hidden = path.components().any(|part| match part {
        Part::Normal(name) => name.to_string_lossy().starts_with('.'),
        _ => false,
    });
    hidden || first == Some(Part::Normal("target".as_ref())) || path == Path::new("Cargo.lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_writes_is_no_change() {
        for path in
            ["target/wasm32-wasip2/release/a.wasm", ".git/index", "src/.lib.rs.swp", "Cargo.lock"]
        {
            assert!(is_output(Path::new(path)), "{path}");
        }
        for path in ["Cargo.toml", "src/lib.rs", "src/target/mod.rs", "index.html"] {
            assert!(!is_output(Path::new(path)), "{path}");
        }
    }
}
