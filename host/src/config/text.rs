//! The content of one file, and places in it.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::position::Position;
use crate::regular_file;

/// How many bytes a file may have.
const MAX_BYTES: u64 = 16 << 20;

/// A file that has been read.
pub(super) struct Text {
    pub(super) path: PathBuf,
    pub(super) content: String,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl Text {
    /// Reads the file at `path`. An error says what is wrong with it as a whole.
    pub(super) fn read(path: &Path) -> Result<Text, String> {
        let bytes = regular_file::read(path, MAX_BYTES).map_err(|error| match error.kind() {
            ErrorKind::FileTooLarge => format!("is larger than {} MiB", MAX_BYTES >> 20),
            _ => error.to_string(),
        })?;
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Err("begins with a byte order mark; save it without one".to_owned());
        }
        let content = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = error.as_bytes().iter().take(valid).filter(|&&byte| byte == b'\n').count();
            format!("is not UTF-8, in line {}", line + 1)
        })?;
        Ok(Text::new(path.to_owned(), content))
    }

    pub(super) fn new(path: PathBuf, content: String) -> Text {
        let breaks = content.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Text { path, content, lines }
    }

    /// The folder that the paths in the file are relative to.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The line and the column of the character at `offset`, both from 1.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|&begin| begin <= offset);
        let begin = line.checked_sub(1).and_then(|index| self.lines.get(index));
        let before = begin.and_then(|&begin| self.content.get(begin..offset)).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

/// Where something is written.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) text: &'a Text,
    /// Its first byte.
    pub(super) offset: usize,
    /// The dotted name of what is there; empty for the file's own table.
    pub(super) key: String,
}

impl Place<'_> {
    pub(super) fn position(&self) -> Position {
        let (line, column) = self.text.position(self.offset);
        Position {
            file: self.text.path.clone(),
            line: Some(line),
            column: Some(column),
            key: Some(&self.key).filter(|key| !key.is_empty()).cloned(),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.text.position(self.offset);
        write!(f, "{}:{line}:{column}", self.text.path.display())
    }
}

/// `text` fit to be quoted in a message: not long, and without control characters.
pub(super) fn quoted(text: &str) -> String {
    let mut characters = text.chars();
    let start: String = characters.by_ref().take(80).flat_map(char::escape_debug).collect();
    let rest = if characters.next().is_some() { "..." } else { "" };
    format!("`{start}{rest}`")
}
