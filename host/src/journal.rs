//! The last requests of a tenant, and the last lines of its guests, for an operator who
//! looks.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::RequestId;
use crate::access_log::{Facts, Figures, Time};
use crate::text::cut;

/// How many of each are kept.
const ENTRIES: usize = 100;

/// How much of each text is kept, in bytes.
const MAX_TEXT: usize = 256;

/// A journal that begins empty.
#[derive(Debug, Default)]
pub(crate) struct Journal {
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
    /// Enters a request.
    pub(crate) fn enter(&self, facts: &Facts<'_>) {
        let mut requests = lock(&self.requests);
        let full = requests.len() >= ENTRIES;
        // The room of the oldest is the newest's.
        let mut entry = if full { requests.pop_front() } else { None }.unwrap_or_default();
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
        let mut output = lock(&self.output);
        if output.len() >= ENTRIES {
            output.pop_front();
        }
        output.push_back(entry);
    }

    pub(crate) fn pages(&self) -> Pages {
        let requests = lock(&self.requests).iter().cloned().collect();
        let output = lock(&self.output).iter().cloned().collect();
        Pages { requests, output }
    }
}

fn lock<T>(entries: &Mutex<T>) -> MutexGuard<'_, T> {
    entries.lock().unwrap_or_else(PoisonError::into_inner)
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
}
