//! Strangers' text, made fit for a log or a terminal.

use std::fmt::{self, Write as _};
use std::io;

use serde_json::ser::Formatter;

/// As much of a text as fits into `max` bytes.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

/// Bytes in hexadecimal.
pub(crate) fn hex<const LENGTH: usize>(bytes: [u8; LENGTH]) -> String {
    bytes.map(|byte| format!("{byte:02x}")).concat()
}

/// Whether a terminal does not show a character as it is: those that control it, those that
/// reorder the text around them, and those that nobody sees.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// A line as printable text, with escapes for what is hidden. It ends before the first character
/// that does not fit into `max` bytes; how many bytes are left out is returned, too.
pub(crate) fn escape(line: &[u8], max: usize) -> (String, usize) {
    let mut escaped = String::with_capacity(line.len().min(max));
    let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
    for (at, character) in text.char_indices() {
        let end = escaped.len();
        // Writing to a String cannot fail.
        let _ = match character {
            '\\' => write!(escaped, "\\\\"),
            _ if is_hidden(character) => write!(escaped, "{}", character.escape_default()),
            _ => write!(escaped, "{character}"),
        };
        if escaped.len() > max {
            escaped.truncate(end);
            return (escaped, text.len() - at);
        }
    }
    (escaped, 0)
}

/// A stranger's text for the log or a terminal: escaped, and cut after `max` bytes.
pub(crate) fn quote(text: &str, max: usize) -> String {
    let (mut quoted, left_out) = escape(cut(text, max).as_bytes(), max);
    if left_out > 0 || text.len() > max {
        quoted.push('…');
    }
    quoted
}

/// A stranger's text as a field of a record: in quotation marks that it cannot end, so that
/// it adds no fields of its own.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl Quoted<'_> {
    /// How many bytes are within the quotation marks.
    pub(crate) fn len(&self) -> usize {
        self.0.len() + self.0.matches('"').count()
    }
}

impl fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\\\""))
    }
}

/// Writes JSON without a character that a terminal would obey.
pub(crate) struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            match character {
                ' '..='~' => write!(writer, "{character}")?,
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_survives() {
        let escape = |line: &[u8]| escape(line, usize::MAX).0;
        assert_eq!(escape(b"plain \xc3\xa9\ttab\r"), "plain é\\ttab");
        assert_eq!(escape(b"\x1b[31mred\x07"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(escape("a\u{202e}b\u{85}c".as_bytes()), "a\\u{202e}b\\u{85}c");
        assert_eq!(escape(b"\\n \n \0"), "\\\\n \\n \\u{0}");
        assert_eq!(escape(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn no_escape_is_cut() {
        let cut = |text: &str, left_out| (text.to_owned(), left_out);
        assert_eq!(escape(b"a\\b", 2), cut("a", 2));
        assert_eq!(escape(b"a\\b", 3), cut("a\\\\", 1));
        assert_eq!(escape(b"\x07\x07", 9), cut("\\u{7}", 1));
        assert_eq!(escape("éé".as_bytes(), 3), cut("é", 2));
        assert_eq!(quote(&format!("{}\\", "a".repeat(7)), 8), "aaaaaaa…");
    }

    #[test]
    fn no_text_ends_its_field() {
        let forged = Quoted(r#"a" tenant="b"#);
        assert_eq!(format!("{forged:?}"), r#""a\" tenant=\"b""#);
        assert_eq!(forged.len(), r#"a\" tenant=\"b"#.len());
    }

    #[test]
    fn a_quotation_is_cut_between_characters() {
        assert_eq!(quote("plain", 5), "plain");
        assert_eq!(quote("a\nb", 9), "a\\nb");
        assert_eq!(quote("éé", 3), "é…");
        assert_eq!(quote(&"\x07".repeat(99), 20).len(), 20 + "…".len());
    }
}
