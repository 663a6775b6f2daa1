//! What is wrong with a configuration, and where.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use super::table::Setting;
use super::text::Place;

/// How many problems are kept; of others only the number.
const MAX_PROBLEMS: usize = 1000;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file that has it.
    pub file: PathBuf,
    /// Its line, from 1; `None` if it is about the file as a whole.
    pub line: Option<usize>,
    /// Its character in the line, from 1.
    pub column: Option<usize>,
    /// Which key it is about, like `tenant.acme.route[2].timeout`; indices from 0.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    /// One line, with control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(f, &self.file.to_string_lossy())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        if let Some(key) = &self.key {
            f.write_str(": ")?;
            escaped(f, key)?;
        }
        f.write_str(": ")?;
        escaped(f, &self.message)
    }
}

fn escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|character| match character.is_control() {
        true => write!(f, "{}", character.escape_default()),
        false => f.write_char(character),
    })
}

/// All that is wrong with a configuration: at least one problem, by file and line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    problems: Vec<Problem>,
    more: usize,
}

impl Errors {
    /// What is wrong; the first thousand, if there is more.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many problems there are beside those.
    pub fn more(&self) -> usize {
        self.more
    }
}

impl fmt::Display for Errors {
    /// One line for each problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{problem}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Errors {}

/// The problems found so far. One value in `[defaults]` can be wrong for many tenants; it
/// is still one problem.
#[derive(Default)]
pub(super) struct Problems {
    problems: BTreeSet<Problem>,
    more: usize,
}

impl Problems {
    /// Something is wrong at `place`.
    pub(super) fn add(&mut self, place: &Place<'_>, message: impl Into<String>) {
        if self.is_full() {
            return;
        }
        let (line, column) = place.text.position(place.offset);
        let key = Some(&place.key).filter(|key| !key.is_empty()).cloned();
        self.problems.insert(Problem {
            file: place.text.path.clone(),
            line: Some(line),
            column: Some(column),
            key,
            message: message.into(),
        });
    }

    /// Something is wrong with `file` as a whole.
    pub(super) fn add_file(&mut self, file: &Path, message: impl Into<String>) {
        if self.is_full() {
            return;
        }
        let (file, message) = (file.to_owned(), message.into());
        self.problems.insert(Problem { file, line: None, column: None, key: None, message });
    }

    /// The value of `result` with its place, or a problem there.
    pub(super) fn keep<'a, T>(
        &mut self,
        place: Place<'a>,
        result: Result<T, String>,
    ) -> Option<Setting<'a, T>> {
        match result {
            Ok(value) => Some(Setting { value, place }),
            Err(message) => {
                self.add(&place, message);
                None
            }
        }
    }

    /// `value`, if nothing is wrong.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Errors> {
        if self.problems.is_empty() {
            return Ok(value);
        }
        Err(Errors { problems: self.problems.into_iter().collect(), more: self.more })
    }

    fn is_full(&mut self) -> bool {
        let full = self.problems.len() >= MAX_PROBLEMS;
        self.more += usize::from(full);
        full
    }
}
