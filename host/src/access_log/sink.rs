//! Where a log goes.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write, stderr, stdout};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;

use crate::config::LogTarget;

/// Where a log goes, line by line.
pub(super) struct Sink<W = Target> {
    target: W,
    /// Whether the last line was cut.
    cut: bool,
}

pub(super) enum Target {
    Stderr,
    File(File),
}

/// Lines could not be written, or not to their end.
#[derive(Debug)]
pub(super) struct Unwritten {
    /// How many bytes are left.
    pub(super) left: usize,
    pub(super) cause: io::Error,
}

impl Sink {
    /// Opens it; a file at its end, for its owner and group. If that is in the middle of a line, as
    /// of a process before this one on a full disk, the line is ended.
    pub(super) fn open(target: &LogTarget) -> io::Result<Sink> {
        let cut = matches!(target, LogTarget::File(path) if ends_within_a_line(path));
        let target = match target {
            // Not buffered, and nobody else writes to it.
            LogTarget::Stdout => Target::File(stdout().as_fd().try_clone_to_owned()?.into()),
            LogTarget::Stderr => Target::Stderr,
            LogTarget::File(path) => {
                let mut options = OpenOptions::new();
                // A FIFO that nobody reads is an error then, and nothing to wait for; who has it
                // and reads slowly is waited for by `Target::wait`.
                options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
                let file = options.append(true).create(true).mode(0o640).open(path);
                Target::File(file.map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                })?)
            }
        };
        Ok(Sink { target, cut })
    }
}

/// Whether it is a regular file that does not end with a line end. Of what cannot be read nobody
/// knows.
fn ends_within_a_line(path: &Path) -> bool {
    let mut last = *b"\n";
    let length = path.metadata().map_or(0, |file| if file.is_file() { file.len() } else { 0 });
    let read = length.checked_sub(1).map(|at| File::open(path)?.read_exact_at(&mut last, at));
    matches!(read, Some(Ok(()))) && last != *b"\n"
}

impl<W: Write> Sink<W> {
    /// Writes whole lines. One that is cut, of a full disk say, is ended before others
    /// follow. If there is no room for now, it is tried again for as long as `wait` says so.
    pub(super) fn write(
        &mut self,
        lines: &[u8],
        mut wait: impl FnMut(&W) -> bool,
    ) -> Result<(), Unwritten> {
        if self.cut && !lines.is_empty() {
            let ended = self.write_all(b"\n", &mut wait);
            ended.map_err(|unwritten| Unwritten { left: lines.len(), ..unwritten })?;
        }
        self.write_all(lines, &mut wait)
    }

    fn write_all(
        &mut self,
        bytes: &[u8],
        wait: &mut impl FnMut(&W) -> bool,
    ) -> Result<(), Unwritten> {
        let mut left = bytes;
        while !left.is_empty() {
            let written = match self.target.write(left) {
                Ok(0) => Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
                Err(error) if error.kind() == ErrorKind::WouldBlock && wait(&self.target) => Ok(0),
                written => written,
            };
            let (done, rest) = match written {
                Ok(written) => left.split_at(written.min(left.len())),
                Err(cause) => return Err(Unwritten { left: left.len(), cause }),
            };
            self.cut = done.last().map_or(self.cut, |&byte| byte != b'\n');
            left = rest;
        }
        Ok(())
    }
}

impl Sink {
    /// Goes on where another has stopped, perhaps in the middle of a line, of the same file.
    pub(super) fn succeed(&mut self, other: &Sink) {
        if let (Target::File(own), Target::File(others)) = (&self.target, &other.target)
            && let (Ok(own), Ok(others)) = (own.metadata(), others.metadata())
            && (own.dev(), own.ino()) == (others.dev(), others.ino())
        {
            self.cut = other.cut;
        }
    }
}

impl Target {
    /// Waits until there is room, but no longer than `time`.
    pub(super) fn wait(&self, time: Duration) {
        let stderr = stderr();
        let target = match self {
            Target::Stderr => stderr.as_fd(),
            Target::File(file) => file.as_fd(),
        };
        let Ok(time) = Timespec::try_from(time) else { return };
        // Whatever comes of it, the next attempt to write tells.
        let _ = poll(&mut [PollFd::from_borrowed_fd(target, PollFlags::OUT)], Some(&time));
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::Stderr => stderr().write(bytes),
            Target::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for so many bytes.
    struct Disk {
        written: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room);
            if count == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            self.room -= count;
            self.written.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_was_cut_by_another_process_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        for (before, after) in [("", "x\n"), ("a\n", "a\nx\n"), ("a\nb", "a\nb\nx\n")] {
            std::fs::write(&path, before).unwrap();
            let mut sink = Sink::open(&LogTarget::File(path.clone())).unwrap();
            sink.write(b"x\n", |_| false).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_line_that_was_cut_is_ended_before_others_follow() {
        let mut sink = Sink { target: Disk { written: Vec::new(), room: 6 }, cut: false };
        let write = |sink: &mut Sink<Disk>, lines: &[u8]| sink.write(lines, |_| false);
        assert_eq!(write(&mut sink, b"one\ntwo\nthree\n").unwrap_err().left, 8);
        assert_eq!(write(&mut sink, b"four\n").unwrap_err().left, 5);
        sink.target.room = 100;
        write(&mut sink, b"five\nsix\n").unwrap();
        write(&mut sink, b"seven\n").unwrap();
        assert_eq!(sink.target.written, b"one\ntw\nfive\nsix\nseven\n");
    }
}
