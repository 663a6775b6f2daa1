//! What becomes of lines that nobody reads, or not in time.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::iter;
use std::path::Path;

use super::*;

#[test]
fn lines_beyond_the_room_are_dropped_and_counted() {
    let queue = LineQueue::new("log");
    let line = [b'x'; 1 << 10];
    for _ in 0..(ROOM >> 10) + 3 {
        queue.push(&line);
    }
    assert_eq!(queue.dropped(), 3);
}

/// A FIFO of this name, and its reader. While that is there, it can be written to.
fn fifo(path: &Path) -> File {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
    File::options().read(true).write(true).open(path).unwrap()
}

/// A queue that so many lines of a KiB have gone through, to a FIFO whose reader has stopped,
/// and then what `end` does with it and a folder.
fn beside_a_reader_that_stopped(lines: usize, end: impl FnOnce(&LineQueue, &Path)) -> LineQueue {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let _reader = fifo(&path);
    let queue = LineQueue::new("log");
    let line = [&[b'x'; 1023][..], b"\n"].concat();
    thread::scope(|scope| {
        let sink = Sink::open(&LogTarget::File(path)).unwrap();
        scope.spawn(|| queue.write_to(sink));
        (0..lines).for_each(|_| queue.push(&line));
        end(&queue, folder.path());
    });
    queue
}

#[test]
fn what_nobody_reads_by_the_end_is_dropped_and_counted() {
    let queue = beside_a_reader_that_stopped(3000, |queue, _| {
        queue.finish(Duration::from_millis(100));
        // Until the writer has ended.
        queue.finish(Duration::from_secs(60));
    });
    assert!((1000..3000).contains(&queue.dropped()), "{}", queue.dropped());
    assert_eq!(queue.told.load(Ordering::Relaxed), queue.dropped());
}

#[test]
fn who_does_not_read_keeps_nobody_from_another_target() {
    let queue = beside_a_reader_that_stopped(1000, |queue, folder| {
        let file = folder.join("file");
        queue.reopen(&LogTarget::File(file.clone())).unwrap();
        queue.push(b"last\n");
        queue.finish(Duration::from_secs(60));
        let moved = std::fs::read_to_string(file).unwrap();
        assert!(moved.starts_with('x') && moved.ends_with("x\nlast\n"));
        assert!(moved.lines().rev().skip(1).all(|line| line.len() == 1023));
    });
    assert_eq!(queue.dropped(), 0);
}

#[test]
fn a_log_says_what_it_has_dropped_once_it_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let reader = fifo(&path);
    let queue = LineQueue { tells_itself: true, ..LineQueue::new("log") };
    let told = || queue.told.load(Ordering::Relaxed);
    let (before, after) = thread::scope(|scope| {
        let sink = Sink::open(&LogTarget::File(path)).unwrap();
        scope.spawn(|| queue.write_to(sink));
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let pushed = iter::repeat_with(|| queue.push(&line));
        let pushed = pushed.take_while(|()| queue.dropped() < 10).count();
        let before = told();
        // The last that was dropped is not among those.
        BufReader::new(reader).lines().take(pushed - 9).for_each(drop);
        let looks = iter::repeat_with(|| thread::sleep(Duration::from_millis(1)));
        looks.take(10_000).find(|()| told() > 0);
        let after = told();
        queue.finish(Duration::from_secs(60));
        (before, after)
    });
    assert_eq!((before, after, queue.dropped()), (0, 10, 10));
}

#[test]
fn a_writer_that_ends_has_written_all() {
    let folder = tempfile::tempdir().unwrap();
    let target = LogTarget::File(folder.path().join("log"));
    let queue = LineQueue::new("log");
    thread::scope(|scope| {
        let sink = Sink::open(&target).unwrap();
        scope.spawn(|| queue.write_to(sink));
        for number in 0..1000 {
            queue.push(format!("{number}\n").as_bytes());
        }
        queue.finish(Duration::from_secs(60));
    });
    let written = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(written.lines().eq((0..1000).map(|number| number.to_string())));
    assert_eq!(queue.dropped(), 0);
}
