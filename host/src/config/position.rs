//! Where something is written in a configuration.

use std::fmt::{self, Write};
use std::path::PathBuf;

use crate::text::is_hidden;

/// Where something is written in a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The file that has it.
    pub file: PathBuf,
    /// Its line, from 1; `None` if it is about the file as a whole.
    pub line: Option<usize>,
    /// Its character in the line, from 1.
    pub column: Option<usize>,
    /// Which key it is about, like `tenant.acme.route[2].timeout`; indices from 0.
    pub key: Option<String>,
}

impl fmt::Display for Position {
    /// Like `picohttp.toml:7:10: tenant.acme.source`, with escapes for what a terminal would hide or
    /// obey.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escaped(f, &self.file.to_string_lossy())?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        if let Some(key) = &self.key {
            f.write_str(": ")?;
            escaped(f, key)?;
        }
        Ok(())
    }
}

/// What has escapes of its own keeps them.
pub(super) fn escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|character| match is_hidden(character) {
        true => write!(f, "{}", character.escape_default()),
        false => f.write_char(character),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_reorders_the_text_around_it() {
        let key = Some("tenant.\u{202e}\\".to_owned());
        let file = "a\u{1b}\u{202e}é.toml".into();
        let position = Position { file, line: Some(1), column: Some(2), key };
        assert_eq!(position.to_string(), "a\\u{1b}\\u{202e}é.toml:1:2: tenant.\\u{202e}\\");
    }
}
