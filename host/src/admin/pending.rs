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
    /// at most until `due`. Returns whether something has come from the first of those, and takes
    /// those who have asked by now. Those who are too slow are gone.
    pub(super) fn wait(
        &mut self,
        others: &[BorrowedFd<'_>],
        due: Instant,
    ) -> io::Result<(bool, Vec<Asked>)> {
        let first = self.visits.front().map_or(due, |visit| visit.deadline().min(due));
        let time = Timespec::try_from(first.saturating_duration_since(Instant::now()));
        let time = time.map_err(io::Error::other)?;
        let visits = self.visits.iter().map(|visit| PollFd::new(visit, PollFlags::IN));
        let others = others.iter().map(|other| PollFd::new(other, PollFlags::IN));
        let count = others.len();
        let mut polled: Vec<PollFd<'_>> = others.chain(visits).collect();
        match poll(&mut polled, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let have_come: Vec<bool> = polled.iter().map(|it| !it.revents().is_empty()).collect();
        let (others, visits) = have_come.split_at(count);
        Ok((others.first().is_some_and(|&it| it), self.take_asked(visits, Instant::now())))
    }

    /// Takes those who have asked, of those from whom something has come. Those who are too slow
    /// are gone.
    fn take_asked(&mut self, have_come: &[bool], now: Instant) -> Vec<Asked> {
        let mut asked = Vec::new();
        for (visit, &has_come) in mem::take(&mut self.visits).into_iter().zip(have_come) {
            if !has_come && now < visit.deadline() {
                self.visits.push_back(visit);
                continue;
            }
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
