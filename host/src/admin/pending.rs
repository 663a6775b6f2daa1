//! Where visitors are until they have asked. None has a thread there, and when it is full,
//! who has been silent longest gives way to the next.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::visit::{Asked, Step, Visit};

/// How many visitors may be silent at once.
const MAX_SILENT: usize = 1024;

/// Visitors who have not asked yet, in the order that they came.
#[derive(Default)]
pub(super) struct Pending {
    visits: VecDeque<Visit>,
}

impl Pending {
    /// Waits until somebody says something or is too slow, or something comes from one of `others`,
    /// at most until `due`. Returns whether something has come from the first of those.
    pub(super) fn wait(&self, others: &[BorrowedFd<'_>], due: Instant) -> io::Result<bool> {
        let first = self.visits.front().map_or(due, |visit| visit.deadline().min(due));
        let time = Timespec::try_from(first.saturating_duration_since(Instant::now()));
        let time = time.map_err(io::Error::other)?;
        let others = others.iter().map(|other| PollFd::new(other, PollFlags::IN));
        let count = others.len();
        let visits = self.visits.iter().map(|visit| PollFd::new(visit, PollFlags::IN));
        let mut polled: Vec<PollFd<'_>> = others.chain(visits).collect();
        match poll(&mut polled, Some(&time)) {
            Ok(_) => Ok(polled.iter().take(count.min(1)).any(|it| !it.revents().is_empty())),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes those who have asked by now. Those who are too slow are gone.
    pub(super) fn take_asked(&mut self, now: Instant) -> Vec<Asked> {
        let mut asked = Vec::new();
        for visit in mem::take(&mut self.visits) {
            match visit.advance(now) {
                Step::Asking(visit) => self.visits.push_back(visit),
                Step::Asked(question) => asked.push(question),
                Step::Over => {}
            }
        }
        asked
    }

    pub(super) fn is_empty(&self) -> bool {
        self.visits.is_empty()
    }

    /// Lets a visitor in, in the place of another if there is no room.
    pub(super) fn admit(&mut self, visit: Visit) {
        if self.visits.len() >= MAX_SILENT {
            self.dismiss_first();
        }
        self.visits.push_back(visit);
    }

    /// Closes the connection that has been silent longest. Returns whether there was one.
    pub(super) fn dismiss_first(&mut self) -> bool {
        self.visits.pop_front().is_some()
    }
}
