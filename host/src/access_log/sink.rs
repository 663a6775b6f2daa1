//! Where a log goes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write, stderr};
use std::os::unix::fs::OpenOptionsExt;

use crate::config::LogTarget;

/// Where a log goes.
pub(super) enum Sink {
    Stderr,
    File(File),
}

impl Sink {
    /// Opens it; a file at its end, for its owner and group.
    pub(super) fn open(target: &LogTarget) -> io::Result<Sink> {
        match target {
            LogTarget::Stderr => Ok(Sink::Stderr),
            LogTarget::File(path) => {
                let mut options = OpenOptions::new();
                options.append(true).create(true).mode(0o640).open(path).map(Sink::File)
            }
        }
    }

    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Sink::Stderr => stderr().lock().write_all(lines),
            Sink::File(file) => file.write_all(lines),
        }
    }
}
