//! Where visitors are until they have asked. None has a thread there, and when it is full,
//! who has been silent longest gives way to the next.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::visit::{Asked, Step, Visit};

/// How many visitors may be silent at once.
const MAX_SILENT: usize = 64;

/// Visitors who have not asked yet, in the order that they came.
#[derive(Default)]
pub(super) struct Pending {
    visits: VecDeque<Visit>,
}

impl Pending {
    /// Waits until somebody says something or is too slow, or comes to the door, or the bell
    /// rings, at most until `due`. Returns whether somebody is at the door.
    pub(super) fn wait(
        &self,
        door: &impl AsFd,
        bell: &impl AsFd,
        due: Instant,
    ) -> io::Result<bool> {
        let first = self.visits.front().map_or(due, |visit| visit.deadline().min(due));
        let time = Timespec::try_from(first.saturating_duration_since(Instant::now()));
        let time = time.map_err(io::Error::other)?;
        let mut polled = vec![PollFd::new(door, PollFlags::IN), PollFd::new(bell, PollFlags::IN)];
        polled.extend(self.visits.iter().map(|visit| PollFd::new(visit, PollFlags::IN)));
        match poll(&mut polled, Some(&time)) {
            Ok(_) => Ok(polled.first().is_some_and(|door| !door.revents().is_empty())),
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
