//! The last requests of a tenant, and the last lines of its guests, for an operator who
//! looks.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use serde::Serialize;

use crate::RequestId;
use crate::access_log::{Facts, Figures, Time};
use crate::text::cut;

/// How many of each are kept: of one tenant at the most and at the least, and of all tenants
/// together if they are not too many for that.
const ENTRIES: usize = 100;
const LEAST_ENTRIES: usize = 10;
const ALL_ENTRIES: usize = 100_000;

/// How much of each text is kept, in bytes.
const MAX_TEXT: usize = 256;

/// A journal that begins empty.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// How many of each there may be.
    capacity: AtomicUsize,
    requests: Mutex<VecDeque<Request>>,
    output: Mutex<VecDeque<Output>>,
}

/// A request.
#[derive(Clone, Debug, Default, Serialize)]
struct Request {
    route: String,
    request_id: String,
    method: String,
    target: String,
    #[serde(flatten)]
    figures: Figures,
}

/// A line that a guest wrote.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Output {
    time: Time,
    route: String,
    request: RequestId,
    stream: &'static str,
    text: String,
}

/// All that is in a journal, from the oldest to the newest.
#[derive(Debug, Serialize)]
pub(crate) struct Pages {
    requests: Vec<Request>,
    output: Vec<Output>,
}

impl Journal {
    /// Lets it have its part of what all of so many tenants have.
    pub(crate) fn share(&self, tenants: usize) {
        let capacity = (ALL_ENTRIES / tenants.max(1)).clamp(LEAST_ENTRIES, ENTRIES);
        self.capacity.store(capacity, Ordering::Relaxed);
        keep_last(&mut self.requests.lock(), capacity);
        keep_last(&mut self.output.lock(), capacity);
    }

    /// Enters a request.
    pub(crate) fn enter(&self, facts: &Facts<'_>) {
        let mut requests = self.requests.lock();
        // The room of the oldest is the newest's.
        let mut entry = self.make_room(&mut requests).unwrap_or_default();
        set(&mut entry.route, facts.route.unwrap_or_default());
        set(&mut entry.request_id, facts.request_id.unwrap_or_default());
        set(&mut entry.method, facts.method);
        set(&mut entry.target, facts.target);
        entry.figures = facts.figures;
        requests.push_back(entry);
    }

    /// Enters a line of a guest's.
    pub(crate) fn enter_output(
        &self,
        route: &str,
        request: RequestId,
        stream: &'static str,
        line: &str,
    ) {
        let entry = Output {
            time: Time::now(),
            route: cut(route, MAX_TEXT).to_owned(),
            request,
            stream,
            text: cut(line, MAX_TEXT).to_owned(),
        };
        let mut output = self.output.lock();
        self.make_room(&mut output);
        output.push_back(entry);
    }

    /// The last of those that there is no room for beside one more.
    fn make_room<T>(&self, entries: &mut VecDeque<T>) -> Option<T> {
        let more = (entries.len() + 1).saturating_sub(self.capacity.load(Ordering::Relaxed));
        entries.drain(..more.min(entries.len())).next_back()
    }

    pub(crate) fn pages(&self) -> Pages {
        let requests = self.requests.lock().iter().cloned().collect();
        let output = self.output.lock().iter().cloned().collect();
        Pages { requests, output }
    }
}

/// Lets all go but the last so many.
fn keep_last<T>(entries: &mut VecDeque<T>, count: usize) {
    if entries.len() > count {
        entries.drain(..entries.len() - count);
        entries.shrink_to(count);
    }
}

fn set(text: &mut String, value: &str) {
    text.clear();
    text.push_str(cut(value, MAX_TEXT));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_kept_and_cut() {
        let journal = Journal::default();
        journal.share(1);
        for number in 0..ENTRIES + 7 {
            let target = format!("/{number}/{}", "é".repeat(200));
            let facts = Facts { method: "GET", target: &target, ..Facts::default() };
            journal.enter(&facts);
            journal.enter_output("/...", RequestId(1), "stdout", &target);
        }
        let Pages { requests, output } = journal.pages();
        assert_eq!((requests.len(), output.len()), (ENTRIES, ENTRIES));
        assert!(requests[0].target.starts_with("/7/") && output[0].text.starts_with("/7/"));
        assert!(requests.iter().all(|request| request.target.len() <= MAX_TEXT));
        assert!(output.iter().all(|line| line.text.len() <= MAX_TEXT));
    }

    #[test]
    fn of_many_tenants_each_keeps_less() {
        let journal = Journal::default();
        journal.share(1);
        (0..ENTRIES).for_each(|_| journal.enter(&Facts::default()));
        journal.share(1_000_000);
        assert_eq!(journal.pages().requests.len(), LEAST_ENTRIES);
        journal.enter(&Facts { target: "/last", ..Facts::default() });
        let Pages { requests, .. } = journal.pages();
        assert_eq!(requests.len(), LEAST_ENTRIES);
        assert_eq!(requests.last().unwrap().target, "/last");
    }
}
