//! Where a handler comes from: a file, a folder that is built, or the host itself.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::project::{self, BuildError};
use crate::{LoadError, guest};

/// The handler that serves files, built with the host.
const STATIC: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/static.wasm"));

/// A place that a handler can be loaded from, again and again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The embedded handler that serves the files of the folder it calls `/`.
    Static,
    /// A component's file.
    File(PathBuf),
    /// A folder with a `Cargo.toml`.
    Folder(PathBuf),
}

/// Why a source gives no handler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The folder does not build.
    #[error(transparent)]
    Build(BuildError),
    /// The component cannot be a handler, or not within its limits.
    #[error(transparent)]
    Load(LoadError),
}

impl Source {
    /// The source at a path: a folder if there is one, or else a file. What is called like a
    /// component is never a folder, to build which is to run what is in it: whoever may replace
    /// the one need not be trusted with the other.
    pub fn at(path: impl Into<PathBuf>) -> Source {
        let path = path.into();
        let is_file = path.extension().is_some_and(|it| it == "wasm" || it == "cwasm");
        if !is_file && path.is_dir() { Source::Folder(path) } else { Source::File(path) }
    }

    /// What the handler is called: the name of its file or folder.
    pub fn name(&self) -> String {
        let path = match self {
            Source::Static => return "static".to_owned(),
            Source::File(path) | Source::Folder(path) => path,
        };
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
        name.unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }

    /// The component's bytes. A folder is built first.
    ///
    /// # Errors
    ///
    /// [`SourceError`].
    pub fn read(&self) -> Result<Cow<'static, [u8]>, SourceError> {
        let file: Cow<'_, Path> = match self {
            Source::Static => return Ok(Cow::Borrowed(STATIC)),
            Source::File(file) => file.into(),
            Source::Folder(folder) => project::build(folder).map_err(SourceError::Build)?.into(),
        };
        guest::read(&file).map(Cow::Owned).map_err(SourceError::Load)
    }

    /// What is wrong with what it gives.
    pub(crate) fn wrong(&self, error: LoadError) -> SourceError {
        SourceError::Load(match self.path() {
            Some(path) => error.in_file(path),
            None => error,
        })
    }

    /// How many bytes are to be read, as far as that can be told: a folder must be built first.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Source::Static => 0,
            Source::File(path) => path.metadata().map_or(0, |file| file.len()),
            Source::Folder(_) => u64::MAX,
        }
    }

    /// The path, if it has one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Source::Static => None,
            Source::File(path) | Source::Folder(path) => Some(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_like_a_component_is_not_built() {
        let folder = tempfile::tempdir().unwrap();
        for (name, is_built) in [("handler", true), ("handler.wasm", false), ("a.cwasm", false)] {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            assert_eq!(matches!(Source::at(path), Source::Folder(_)), is_built, "{name}");
        }
    }
}
