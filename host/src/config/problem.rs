//! What is wrong with a configuration, and where.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use super::position::{Position, escaped};
use super::table::Setting;
use super::text::Place;

/// How many problems are kept; of others only the number.
const MAX_PROBLEMS: usize = 1000;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it is, if that is in a file.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    /// One line, with escapes like a position's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = &self.position {
            write!(f, "{position}: ")?;
        }
        escaped(f, &self.message)
    }
}

impl std::error::Error for Problem {}

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
        let position = Some(place.position());
        self.problems.insert(Problem { position, message: message.into() });
    }

    /// Something is wrong with `file` as a whole.
    pub(super) fn add_file(&mut self, file: &Path, message: impl Into<String>) {
        if self.is_full() {
            return;
        }
        let file = file.to_owned();
        let position = Some(Position { file, line: None, column: None, key: None });
        self.problems.insert(Problem { position, message: message.into() });
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

    /// All of them, if there is any.
    pub(super) fn finish(self) -> Result<(), Errors> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(Errors { problems: self.problems.into_iter().collect(), more: self.more })
    }

    fn is_full(&mut self) -> bool {
        let full = self.problems.len() >= MAX_PROBLEMS;
        self.more += usize::from(full);
        full
    }
}
