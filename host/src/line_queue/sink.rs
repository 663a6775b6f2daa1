//! Where lines go, which never waits for who reads them.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write, stderr, stdout};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use libc::PIPE_BUF;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::config::LogTarget;

/// Where a log goes, line by line.
pub(super) struct Sink<W = Target> {
    target: W,
    /// Whether the last line was cut.
    cut: bool,
}

pub(super) struct Target {
    file: File,
    /// Whether a reader may have to be waited for.
    has_reader: bool,
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
        let file: File = match target {
            // Neither is buffered or locked then.
            LogTarget::Stdout => stdout().as_fd().try_clone_to_owned()?.into(),
            LogTarget::Stderr => stderr().as_fd().try_clone_to_owned()?.into(),
            LogTarget::File(path) => {
                let mut options = OpenOptions::new();
                // A FIFO that nobody reads is an error then, and nothing to wait for.
                options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
                let file = options.append(true).create(true).mode(0o640).open(path);
                file.map_err(|error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                })?
            }
        };
        let has_reader = !file.metadata()?.is_file();
        Ok(Sink { target: Target { file, has_reader }, cut })
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
        if let (Ok(own), Ok(others)) = (self.target.file.metadata(), other.target.file.metadata())
            && (own.dev(), own.ino()) == (others.dev(), others.ino())
        {
            self.cut = other.cut;
        }
    }
}

impl Target {
    /// Waits until there is room, but no longer than `time`. Says whether there is, as far as is
    /// known: for what else may be wrong, the next attempt to write tells.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let Ok(time) = Timespec::try_from(time) else { return true };
        let mut polled = [PollFd::new(&self.file, PollFlags::OUT)];
        !matches!(poll(&mut polled, Some(&time)), Ok(0) | Err(Errno::INTR))
    }
}

/// A write to a standard stream may wait, and to change that would change it for all who have it.
/// If there is room, one of no more than a pipe takes whole does not.
impl Write for Target {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self.has_reader {
            true if self.wait(Duration::ZERO) => self.file.write(piece(lines)),
            true => Err(ErrorKind::WouldBlock.into()),
            false => self.file.write(lines),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a pipe takes whole of these lines: so others who write there, too, do so between lines.
fn piece(lines: &[u8]) -> &[u8] {
    let piece = lines.get(..PIPE_BUF).unwrap_or(lines);
    match piece.iter().rposition(|&byte| byte == b'\n') {
        Some(end) => piece.get(..=end).unwrap_or(piece),
        None => piece,
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
    fn who_does_not_read_a_pipe_is_not_waited_for_and_given_whole_lines() {
        let (mut reader, writer) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let mut sink = Sink { target: Target { file, has_reader: true }, cut: false };
        let lines = b"a line of twenty-five bytes\n".repeat(10_000);
        let unwritten = sink.write(&lines, |_| false).unwrap_err();
        assert_eq!(unwritten.cause.kind(), ErrorKind::WouldBlock);
        drop(sink);
        let mut read = Vec::new();
        io::Read::read_to_end(&mut reader, &mut read).unwrap();
        assert!(read.ends_with(b"\n"));
        assert_eq!(read, &lines[..lines.len() - unwritten.left]);
    }

    #[test]
    fn a_line_longer_than_a_pipe_takes_at_once_is_written() {
        let line = [&[b'x'; PIPE_BUF][..], b"x\nshort\n"].concat();
        assert_eq!(piece(&line).len(), PIPE_BUF);
        assert_eq!(piece(&line[PIPE_BUF..]), b"x\nshort\n");
        assert_eq!(piece(&line[2..]).len(), PIPE_BUF);
        assert_eq!(piece(&line[6..]).len(), PIPE_BUF - 4);
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
