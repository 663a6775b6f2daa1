//! Twenty tenants whose handlers are quick, and one that takes all it can get.

mod greed;

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::load::{Healthy, Measured};
use crate::pace::Latency;
use crate::pairs::{Busy, judge_errors};
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

/// How many pairs of measurements there are for each round of other scenarios, and how many times
/// shorter they are. A machine that others use, too, is faster or slower by a fifth within a
/// minute: only what was measured one right after the other can be compared.
const PAIRS: u32 = 4;
const SHORTER: u32 = 2;

/// The healthy for a while: as fast as they are answered, and at a pace.
struct Slice {
    load: Measured,
    paced: Latency,
    /// How much of all processors the clients of the greedy took from the first.
    own: f64,
}

/// The healthy alone, and beside the greedy.
struct Pair {
    alone: Slice,
    beside: Slice,
}

/// Which of a slice's measurements is first: those under load are to be one right after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    PacedFirst,
    LoadFirst,
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
    let time = stage.measure / SHORTER;
    let drive = || healthy.drive(stage, server.address, time);
    // Some things are made when they are first needed, and stay.
    let first = greed.start(stage, &server, &file)?;
    drive()?;
    drop(first);
    server.rest(stage)?;
    let before = server.gauge()?;
    let pace = drive()?.per_second * PACE;
    let at_pace = || healthy.at_pace(stage, server.address, pace, time);
    let slice = |cpu: &dyn Fn() -> Result<Duration>, order| -> Result<Slice> {
        let paced = if order == Order::PacedFirst { Some(at_pace()?) } else { None };
        let busy = Busy::start(cpu)?;
        let load = drive()?;
        let own = busy.share()?;
        Ok(Slice { load, paced: paced.map_or_else(at_pace, Ok)?, own })
    };
    let beside = |order| {
        let greedy = greed.start(stage, &server, &file)?;
        stage.interrupt.sleep(time / 2)?;
        let beside = slice(&|| Ok(usage::of_group(greedy.group())?.cpu), order);
        drop(greedy);
        server.rest(stage)?;
        beside
    };
    let nobody = || Ok(Duration::ZERO);
    let mut pairs = Vec::new();
    for number in 0..stage.rounds * PAIRS {
        stage.quiet()?;
        pairs.push(if number % 2 == 0 {
            let alone = slice(&nobody, Order::PacedFirst)?;
            Pair { alone, beside: beside(Order::LoadFirst)? }
        } else {
            let beside = beside(Order::PacedFirst)?;
            Pair { alone: slice(&nobody, Order::LoadFirst)?, beside }
        });
    }
    judge(report, greed, pace, &pairs);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(())
}

fn judge(report: &mut Report, greed: &Greed, pace: f64, pairs: &[Pair]) {
    let of = |value: fn(&Pair) -> f64| median(pairs.iter().map(value));
    let loss = 1.0 - of(|pair| pair.beside.load.per_second / pair.alone.load.per_second);
    let own = of(|pair| pair.beside.own);
    report.judge(
        greed.name,
        format!(
            "{:.0} -> {:.0} requests/s, {:+.1} %; its clients themselves took {:.1} %",
            of(|pair| pair.alone.load.per_second),
            of(|pair| pair.beside.load.per_second),
            -loss * 100.0,
            own * 100.0
        ),
        "lost < 10 % beyond the clients' own",
        loss - own < LOSS,
    );
    let later = of(|pair| pair.beside.load.p99 / pair.alone.load.p99);
    report.judge(
        "p99",
        format!(
            "{:.2} -> {:.2} ms, {later:.2} times",
            of(|pair| pair.alone.load.p99),
            of(|pair| pair.beside.load.p99)
        ),
        "< 2 times",
        later < LATER,
    );
    let later = of(|pair| pair.beside.paced.p99 / pair.alone.paced.p99);
    report.judge(
        "p99 at half the pace",
        format!(
            "{:.2} -> {:.2} ms, {later:.2} times; at {pace:.0} requests/s; p50 {:.2} -> {:.2}, \
             p99.9 {:.2} -> {:.2}",
            of(|pair| pair.alone.paced.p99),
            of(|pair| pair.beside.paced.p99),
            of(|pair| pair.alone.paced.p50),
            of(|pair| pair.beside.paced.p50),
            of(|pair| pair.alone.paced.p999),
            of(|pair| pair.beside.paced.p999)
        ),
        "< 2 times",
        later < LATER,
    );
    judge_errors(report, pairs.iter().map(|pair| &pair.beside.load));
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
