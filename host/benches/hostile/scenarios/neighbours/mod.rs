//! Twenty tenants whose handlers are quick, and one that takes all it can get.

mod greed;

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::thread;

use anyhow::Result;

use crate::load::{Healthy, Measured};
use crate::pace::Latency;
use crate::pairs::judge_errors;
use crate::report::{Report, median};
use crate::server::Server;
use crate::stage::Stage;
use crate::usage;
use greed::{Greed, KINDS};

/// How many tenants are healthy.
const HEALTHY: usize = 20;

/// How much of their throughput the healthy may lose, and how many times longer an answer
/// may take.
const LOSS: f64 = 0.1;
const LATER: f64 = 2.0;

/// The pace at which they are asked again: this share of what they take alone. As fast as
/// they answer, they share the processors with the load, too.
const PACE: f64 = 0.5;

/// The healthy alone, and beside the greedy.
struct Round {
    alone: Measured,
    attacked: Measured,
    pace: f64,
    paced_alone: Latency,
    paced_attacked: Latency,
    /// How much of all processors the clients of the greedy took.
    own: f64,
}

pub fn run(stage: &Stage) -> Result<Report> {
    let mut report = Report::default();
    for greed in &KINDS {
        beside(stage, greed, &mut report)?;
    }
    Ok(report)
}

fn beside(stage: &Stage, greed: &Greed, report: &mut Report) -> Result<()> {
    let folder = stage.new_folder()?;
    let (config, file) = (folder.path().join("picohttp.toml"), folder.path().join("greedy.wasm"));
    greed.install(stage, &file)?;
    fs::write(&config, configuration(stage, &file)?)?;
    let mut server = Server::configured(stage, &config)?;
    let healthy = Healthy { keep_alive: true, hosts: HEALTHY, ..Healthy::asking("/hello") };
    let drive = || healthy.drive(stage, server.address, stage.measure);
    let at_pace = |pace| healthy.at_pace(stage, server.address, pace, stage.measure);
    // Some things are made when they are first needed, and stay.
    let first = greed.start(stage, &server, &file)?;
    drive()?;
    drop(first);
    server.rest(stage)?;
    let before = server.gauge()?;
    let mut rounds = Vec::new();
    for _ in 0..stage.rounds {
        stage.quiet()?;
        let alone = drive()?;
        let pace = alone.per_second * PACE;
        let paced_alone = at_pace(pace)?;
        let greedy = greed.start(stage, &server, &file)?;
        stage.interrupt.sleep(stage.measure / 4)?;
        let cpu = usage::of_group(greedy.group())?.cpu;
        let attacked = drive()?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let own = (usage::of_group(greedy.group())?.cpu - cpu).as_secs_f64()
            / stage.measure.as_secs_f64()
            / cores as f64;
        let paced_attacked = at_pace(pace)?;
        drop(greedy);
        server.rest(stage)?;
        rounds.push(Round { alone, attacked, pace, paced_alone, paced_attacked, own });
    }
    judge(report, greed, &rounds);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(())
}

fn judge(report: &mut Report, greed: &Greed, rounds: &[Round]) {
    let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
    let loss = 1.0 - of(|round| round.attacked.per_second / round.alone.per_second);
    let own = of(|round| round.own);
    report.judge(
        greed.name,
        format!(
            "{:.0} -> {:.0} requests/s, {:+.1} %; its clients themselves took {:.1} %",
            of(|round| round.alone.per_second),
            of(|round| round.attacked.per_second),
            -loss * 100.0,
            own * 100.0
        ),
        "lost < 10 % beyond the clients' own",
        loss - own < LOSS,
    );
    let later = of(|round| round.attacked.p99 / round.alone.p99);
    report.judge(
        "p99",
        format!(
            "{:.2} -> {:.2} ms, {later:.2} times",
            of(|round| round.alone.p99),
            of(|round| round.attacked.p99)
        ),
        "< 2 times",
        later < LATER,
    );
    let later = of(|round| round.paced_attacked.p99 / round.paced_alone.p99);
    report.judge(
        "p99 at half the pace",
        format!(
            "{:.2} -> {:.2} ms, {later:.2} times; at {:.0} requests/s; p50 {:.2} -> {:.2}, p99.9 \
             {:.2} -> {:.2}",
            of(|round| round.paced_alone.p99),
            of(|round| round.paced_attacked.p99),
            of(|round| round.pace),
            of(|round| round.paced_alone.p50),
            of(|round| round.paced_attacked.p50),
            of(|round| round.paced_alone.p999),
            of(|round| round.paced_attacked.p999)
        ),
        "< 2 times",
        later < LATER,
    );
    judge_errors(report, rounds.iter().map(|round| &round.attacked));
}

/// The greedy tenant has all other hosts.
fn configuration(stage: &Stage, greedy: &Path) -> Result<String> {
    let mut text = format!(
        "[server]\naddr = '127.0.0.1:0'\nkeep_alive = true\ncache_dir = {:?}\n\
         [[tenant]]\nname = 'greedy'\nsource = {greedy:?}\ntimeout = '1s'\n",
        stage.cache()
    );
    let hello = stage.hello()?;
    for number in 0..HEALTHY {
        write!(
            text,
            "[[tenant]]\nname = 't{number}'\nhosts = ['t{number}']\nsource = {hello:?}\n"
        )?;
    }
    Ok(text)
}
