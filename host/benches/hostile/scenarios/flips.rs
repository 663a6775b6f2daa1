//! Components with bytes that are not theirs, deployed one after another.

use std::time::Instant;

use anyhow::Result;
use picohttp_tests::flips::{Tally, deploy_flipped};

use crate::report::Report;
use crate::stage::Stage;

const COMPONENTS: usize = 100_000;

pub fn run(stage: &Stage) -> Result<Report> {
    let began = Instant::now();
    let count = stage.count(COMPONENTS);
    let Tally { outcomes, longest } = deploy_flipped(count as u64)?;
    let mut report = Report::default();
    report.judge(
        "deployed",
        format!("{count} in {:.0?}, each within {longest:.1?}", began.elapsed()),
        "no panic, none for long",
        true,
    );
    for (outcome, count) in outcomes {
        report.note(outcome, count.to_string());
    }
    Ok(report)
}
