//! What a guest writes to its standard output and error, line by line to the log.
//!
//! A line in the log is one record, whatever the guest wrote: control bytes are
//! escaped, long lines are cut, and what is over the request's quota is only counted.

use std::fmt;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncWrite;
use tracing::{info, warn};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::{Origin, RequestId};

/// How many bytes of one line are kept, as they came and as they are written.
const MAX_LINE: usize = 8 << 10;

/// One of a guest's two streams.
#[derive(Clone)]
pub(super) struct Output {
    stream: &'static str,
    origin: Arc<Origin>,
    request: RequestId,
    lines: Arc<Mutex<Lines>>,
}

/// What one request has written to a stream.
struct Lines {
    /// A line whose end has not been written yet.
    unfinished: Vec<u8>,
    /// How many more bytes may reach the log; none once a line was too many.
    quota: usize,
    /// How many of the guest's bytes were dropped.
    dropped: usize,
}

impl Output {
    pub(super) fn new(
        stream: &'static str,
        origin: Arc<Origin>,
        request: RequestId,
        quota: usize,
    ) -> Output {
        let lines = Lines { unfinished: Vec::new(), quota, dropped: 0 };
        Output { stream, origin, request, lines: Arc::new(Mutex::new(lines)) }
    }

    /// Logs the line that has ended, with so many bytes of a line end, if there is room.
    fn record(&self, lines: &mut Lines, end: usize) {
        let mut line = escape(&lines.unfinished);
        line.truncate(line.floor_char_boundary(MAX_LINE));
        let size = self.origin.record_size(line.len());
        let written = lines.unfinished.len() + end;
        match lines.quota.checked_sub(size) {
            Some(_) if !self.origin.account.may_log(size) => {
                lines.dropped += written;
            }
            Some(quota) => {
                lines.quota = quota;
                if let Some(journal) = self.origin.account.journal() {
                    journal.enter_output(self.origin.route(), self.request, self.stream, &line);
                }
                info!(
                    target: "guest",
                    tenant = self.origin.tenant(),
                    route = self.origin.route(),
                    request = %self.request,
                    stream = self.stream,
                    text = ?Quoted(&line),
                );
            }
            None => {
                lines.quota = 0;
                lines.dropped += written;
            }
        }
        lines.unfinished.clear();
    }

    fn write_lines(&self, bytes: &[u8]) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if lines.quota == 0 {
                lines.dropped += piece.len();
                continue;
            }
            let (line, ended) = match piece {
                [line @ .., b'\n'] => (line, true),
                line => (line, false),
            };
            let room = MAX_LINE.saturating_sub(lines.unfinished.len());
            let kept = line.get(..room).unwrap_or(line);
            lines.dropped += line.len() - kept.len();
            lines.unfinished.extend_from_slice(kept);
            if ended {
                self.record(&mut lines, 1);
            }
        }
    }

    /// Logs what is left when the request is over.
    pub(super) fn finish(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if !lines.unfinished.is_empty() {
            self.record(&mut lines, 0);
        }
        if lines.dropped > 0 {
            self.origin.account.count_dropped(lines.dropped);
            if !self.origin.account.may_tell_dropped(self.stream) {
                return;
            }
            warn!(
                target: "guest",
                tenant = self.origin.tenant(),
                route = self.origin.route(),
                request = %self.request,
                stream = self.stream,
                dropped = lines.dropped,
                "output over its quota was dropped"
            );
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this, and it is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: wasmtime_wasi_io::bytes::Bytes) -> StreamResult<()> {
        self.write_lines(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

/// A line as printable text: control characters, and those that reorder text around
/// them, are shown as escapes.
fn escape(line: &[u8]) -> String {
    let mut escaped = Vec::with_capacity(line.len());
    for character in String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).chars() {
        let hidden = character.is_control()
            || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        // Writing to a Vec cannot fail.
        let _ = match character {
            '\t' => write!(escaped, "\t"),
            '\\' => write!(escaped, "\\\\"),
            _ if hidden => write!(escaped, "{}", character.escape_default()),
            _ => write!(escaped, "{character}"),
        };
    }
    String::from_utf8_lossy(&escaped).into_owned()
}

/// A stranger's text for the log or a terminal: escaped, and cut after `max` bytes.
pub(crate) fn quote(text: &str, max: usize) -> String {
    let kept = text.as_bytes().get(..text.floor_char_boundary(max)).unwrap_or_default();
    let mut quoted = escape(kept);
    quoted.truncate(quoted.floor_char_boundary(max));
    if text.len() > max {
        quoted.push('…');
    }
    quoted
}

/// A stranger's text as a field of a record: in quotation marks that it cannot end, so that
/// it adds no fields of its own.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_survives() {
        assert_eq!(escape(b"plain \xc3\xa9\ttab\r"), "plain é\ttab");
        assert_eq!(escape(b"\x1b[31mred\x07"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(escape("a\u{202e}b\u{85}c".as_bytes()), "a\\u{202e}b\\u{85}c");
        assert_eq!(escape(b"\\n \n \0"), "\\\\n \\n \\u{0}");
        assert_eq!(escape(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn no_text_ends_its_field() {
        let forged = Quoted(r#"a" tenant="b"#);
        assert_eq!(format!("{forged:?}"), r#""a\" tenant=\"b""#);
    }

    #[test]
    fn a_quotation_is_cut_between_characters() {
        assert_eq!(quote("plain", 5), "plain");
        assert_eq!(quote("a\nb", 9), "a\\nb");
        assert_eq!(quote("éé", 3), "é…");
        assert_eq!(quote(&"\x07".repeat(99), 20).len(), 20 + "…".len());
    }
}
