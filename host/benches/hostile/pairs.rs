//! Healthy clients alone and under attack, in turn, so that a disturbance from elsewhere
//! meets both.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::load::Measured;
use crate::report::{Report, median};

/// One round.
pub struct Pair {
    pub alone: Measured,
    pub attacked: Measured,
    /// How much of all processors this bench took for the attack.
    pub busy: f64,
}

/// How much of the throughput may be lost, and how many times longer an answer may take.
const LOSS: f64 = 0.05;
const LATER: f64 = 2.0;

/// Judges what the healthy lost.
pub fn judge(report: &mut Report, pairs: &[Pair]) {
    let of = |value: fn(&Pair) -> f64| median(pairs.iter().map(value));
    let loss = 1.0 - of(|pair| pair.attacked.per_second / pair.alone.per_second);
    let busy = of(|pair| pair.busy);
    report.judge(
        "healthy throughput",
        format!(
            "{:.0} -> {:.0} requests/s, {:+.1} %; the crowd itself took {:.1} % of the machine",
            of(|pair| pair.alone.per_second),
            of(|pair| pair.attacked.per_second),
            -loss * 100.0,
            busy * 100.0
        ),
        "lost < 5 % beyond the crowd's own",
        loss - busy < LOSS,
    );
    let later = of(|pair| pair.attacked.p99 / pair.alone.p99);
    report.judge(
        "healthy p99",
        format!(
            "{:.2} -> {:.2} ms, {later:.2} times",
            of(|pair| pair.alone.p99),
            of(|pair| pair.attacked.p99)
        ),
        "< 2 times",
        later < LATER,
    );
    judge_errors(report, pairs.iter().map(|pair| &pair.attacked));
}

/// Judges that all healthy clients were answered well.
pub fn judge_errors<'a>(report: &mut Report, measured: impl IntoIterator<Item = &'a Measured>) {
    let (errors, requests) = measured
        .into_iter()
        .fold((0.0, 0.0), |(errors, requests), one| (errors + one.errors, requests + one.requests));
    report.judge("healthy errors", format!("{errors} of {requests}"), "none", errors == 0.0);
}

/// What somebody takes of all processors from now on.
pub struct Busy<C> {
    began: Instant,
    before: Duration,
    cpu: C,
}

impl<C: Fn() -> Result<Duration>> Busy<C> {
    /// `cpu` tells for how long it has had processors.
    pub fn start(cpu: C) -> Result<Busy<C>> {
        Ok(Busy { began: Instant::now(), before: cpu()?, cpu })
    }

    /// As a share of all processors.
    pub fn share(&self) -> Result<f64> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let cpu = (self.cpu)()?.saturating_sub(self.before);
        Ok(cpu.as_secs_f64() / self.began.elapsed().as_secs_f64() / cores as f64)
    }
}

/// The user and system time of this process, which the kernel counts in hundredths.
pub fn own_cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
    let ticks = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u32>().ok());
    Ok(Duration::from_millis(10) * ticks.sum::<u32>())
}
