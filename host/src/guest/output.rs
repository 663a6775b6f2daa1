//! What a guest writes to its standard output and error, and logs, line by line to the log.
//!
//! A line in the log is one record, whatever the guest wrote: control bytes are
//! escaped, long lines are cut, and what is over the request's quota is only counted.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use tracing::{info, warn};
use wasmtime::Error;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::text::{Quoted, escape};
use crate::{Origin, RequestId};

/// How many bytes of one line are kept, as they came and as they are written.
pub(super) const MAX_LINE: usize = 8 << 10;

/// How many bytes may be written at once: nothing interrupts that.
const MOST: usize = 64 << 10;

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

    /// Logs a line of a stream, of so many bytes with its end, if there is room.
    fn record(&self, lines: &mut Lines, stream: &'static str, line: &[u8], written: usize) {
        let kept = line.get(..MAX_LINE).unwrap_or(line);
        let (kept, left_out) = escape(kept, MAX_LINE);
        let left_out = left_out + line.len().saturating_sub(MAX_LINE);
        let size = self.origin.record_size(Quoted(&kept).len());
        match lines.quota.checked_sub(size) {
            Some(_) if !self.origin.account.may_log(size) => {
                lines.dropped += written;
            }
            Some(quota) => {
                lines.quota = quota;
                lines.dropped += left_out;
                if let Some(journal) = self.origin.account.journal() {
                    journal.enter_output(self.origin.route(), self.request, stream, &kept);
                }
                info!(
                    target: "guest",
                    tenant = self.origin.tenant(),
                    route = self.origin.route(),
                    request = %self.request,
                    stream,
                    text = ?Quoted(&kept),
                );
            }
            None => {
                lines.quota = 0;
                lines.dropped += written;
            }
        }
    }

    /// Logs a line of something else that shares this stream's quota, of which so many bytes were
    /// left out; what is dropped of it is this stream's, too.
    pub(super) fn log(&self, stream: &'static str, line: &str, left_out: usize) {
        let mut lines = self.lines.lock();
        lines.dropped += left_out;
        match lines.quota {
            0 => lines.dropped += line.len(),
            _ => self.record(&mut lines, stream, line.as_bytes(), line.len()),
        }
    }

    fn write_lines(&self, bytes: &[u8]) {
        let mut lines = self.lines.lock();
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
                self.end_line(&mut lines, 1);
            }
        }
    }

    /// Logs the line that has ended, with so many bytes of a line end.
    fn end_line(&self, lines: &mut Lines, end: usize) {
        let mut line = mem::take(&mut lines.unfinished);
        self.record(lines, self.stream, &line, line.len() + end);
        line.clear();
        lines.unfinished = line;
    }

    /// Logs what is left when the request is over.
    pub(super) fn finish(&self) {
        let mut lines = self.lines.lock();
        if !lines.unfinished.is_empty() {
            self.end_line(&mut lines, 0);
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
        if bytes.len() > MOST {
            return Err(StreamError::Trap(Error::msg("more is written than there is room for")));
        }
        self.write_lines(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MOST)
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}
