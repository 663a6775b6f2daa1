//! The files that a file includes.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Paths, Pattern};

use super::problem::Problems;
use super::table::{Setting, Table};
use super::text::quoted;
use super::value;

/// How many files may be included.
const MAX_FILES: usize = 10_000;

/// Dotfiles are left alone: editors keep theirs beside the real ones.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// What a file includes.
#[derive(Default)]
pub(super) struct Included {
    /// The files, each once, sorted.
    pub(super) files: Vec<PathBuf>,
    /// The folders in which others would be included, too, or folders with others.
    pub(super) folders: Vec<PathBuf>,
}

/// What `include` of the file's own table `root` names.
pub(super) fn read(root: &mut Table<'_>, problems: &mut Problems) -> Included {
    let patterns = root.take_list("include", problems, value::string);
    let Included { mut files, mut folders } = Included::default();
    for pattern in patterns.iter().flat_map(|list| &list.value) {
        folders.extend(folders_of(pattern));
        match matches(pattern) {
            Ok(matched) => files.extend(matched),
            Err(message) => problems.add(&pattern.place, message),
        }
    }
    files.sort();
    files.dedup();
    if let Some(list) = patterns.filter(|_| files.len() > MAX_FILES) {
        problems.add(&list.place, format!("matches more than {MAX_FILES} files"));
        files.clear();
    }
    Included { files, folders }
}

fn matches(pattern: &Setting<'_, String>) -> Result<Vec<PathBuf>, String> {
    let (text, written) = (pattern.place.text, pattern.value.as_str());
    let path = text.folder().join(written);
    let mut files = Vec::new();
    if !is_pattern(written) {
        path.metadata().map_err(|error| format!("{}: {error}", path.display()))?;
        files.push(path);
    } else if written.contains("**") {
        return Err("`**` is not supported; name the folders".to_owned());
    } else {
        let literal =
            Path::new(written).ancestors().find(|part| !is_pattern(&part.to_string_lossy()));
        let folder = text.folder().join(literal.unwrap_or(Path::new("")));
        if !folder.as_os_str().is_empty() && !folder.is_dir() {
            return Err(format!("{} is not a folder", folder.display()));
        }
        for file in find(text.folder(), written)?.take(MAX_FILES + 1) {
            files.push(file.map_err(|error| error.to_string())?);
        }
    }
    let itself = text.path.canonicalize().ok();
    if files.iter().any(|file| file.canonicalize().ok() == itself) {
        return Err("includes this file itself".to_owned());
    }
    Ok(files)
}

/// The folders in which something that matches would be found, or a folder with it.
fn folders_of(pattern: &Setting<'_, String>) -> Vec<PathBuf> {
    let folder = pattern.place.text.folder();
    let mut folders = Vec::new();
    for part in Path::new(&pattern.value).ancestors().skip(1) {
        let written = part.to_str().filter(|part| is_pattern(part));
        let Some(found) = written.and_then(|part| find(folder, part).ok()) else {
            folders.push(folder.join(part));
            break;
        };
        folders.extend(found.take(MAX_FILES).flatten().filter(|path| path.is_dir()));
    }
    folders
}

fn is_pattern(written: &str) -> bool {
    written.contains(['*', '?', '['])
}

/// What matches a pattern that is written in a file of this folder.
fn find(folder: &Path, written: &str) -> Result<Paths, String> {
    let folder = folder.to_str().ok_or("its folder's name is not UTF-8")?;
    let full = match Path::new(written).is_absolute() || folder.is_empty() {
        true => written.to_owned(),
        false => format!("{}/{written}", Pattern::escape(folder)),
    };
    glob::glob_with(&full, OPTIONS)
        .map_err(|error| format!("{} is not a pattern: {}", quoted(written), error.msg))
}
