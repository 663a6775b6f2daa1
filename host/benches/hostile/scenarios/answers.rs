//! Answers of any bytes, by the million: each from an instance of its own, taken out of its
//! memory and, if it is one, written.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::thread;
use std::time::Instant;

use anyhow::{Result, anyhow};
use picohttp_host::Sandbox;
use picohttp_tests::answers::{Tally, answer_at_random};
use picohttp_tests::sandbox::load;

use crate::report::Report;
use crate::stage::Stage;

const ANSWERS: usize = 10_000_000;

/// A part is small enough that an interrupt between two is soon.
const PART: usize = 100_000;

pub fn run(stage: &Stage) -> Result<Report> {
    let (began, count) = (Instant::now(), stage.count(ANSWERS));
    let mut total = Tally::default();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut parts = count.div_ceil(PART);
    let guest = load("any_answer", Sandbox::default())?;
    let seed = || RandomState::new().build_hasher().finish() | 1;
    let part = || answer_at_random(&guest, PART, seed());
    while parts > 0 {
        stage.interrupt.check()?;
        let now = parts.min(threads);
        let tallies = thread::scope(|scope| {
            let running: Vec<_> = (0..now).map(|_| scope.spawn(part)).collect();
            let ended = running.into_iter().map(|part| part.join());
            ended.map(|part| part.map_err(|_| anyhow!("a panic"))?).collect::<Result<Vec<_>>>()
        })?;
        for Tally { sent, unsendable, refused } in tallies {
            total.sent += sent;
            total.unsendable += unsendable;
            total.refused += refused;
        }
        parts -= now;
    }
    let mut report = Report::default();
    let Tally { sent, unsendable, refused } = total;
    let figure = format!("{} in {:.0?}", sent + unsendable + refused, began.elapsed());
    report.judge("answers", figure, "all sent or refused", sent > 0 && refused > 0);
    report.note("well-formed and sent", sent.to_string());
    report.note("refused by the rules of headers", unsendable.to_string());
    report.note("no answer, a fault of the guest", refused.to_string());
    Ok(report)
}
