//! A tenant whose new handler would take a compiler very long, or very much memory.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use picohttp_tests::bombs::{BOMBS, Bomb};

use crate::load::{Healthy, Measured};
use crate::pairs::judge_errors;
use crate::report::{Report, growth, median};
use crate::server::Server;
use crate::stage::Stage;

/// How long a refusal may take.
const REFUSED_WITHIN: Duration = Duration::from_secs(6);

/// How much later an answer may come meanwhile, and how much memory the server may take.
const LATER: f64 = 1.1;
const GROWTH: usize = 10_000_000;

/// How long is waited for a refusal.
const PATIENCE: Duration = Duration::from_secs(120);

struct Round {
    alone: Measured,
    meanwhile: Measured,
    refused_after: Duration,
    growth: usize,
}

pub fn run(stage: &Stage) -> Result<Report> {
    let mut report = Report::default();
    for bomb in &BOMBS {
        deploy(stage, bomb, &mut report)?;
    }
    Ok(report)
}

fn deploy(stage: &Stage, bomb: &Bomb, report: &mut Report) -> Result<()> {
    let folder = stage.new_folder()?;
    let (config, file) = (folder.path().join("picohttp.toml"), folder.path().join("b.wasm"));
    fs::copy(stage.hello()?, &file)?;
    fs::write(&config, configuration(stage, &file)?)?;
    let mut server = Server::configured(stage, &config)?;
    let healthy = Healthy { keep_alive: true, ..Healthy::asking("/hello") };
    healthy.drive(stage, server.address, stage.measure)?;
    fs::write(&file, (bomb.component)()?)?;
    let before = server.gauge()?;
    let mut rounds = Vec::new();
    for number in 1..=stage.rounds {
        stage.quiet()?;
        let memory = server.reset_peak()?;
        let load = healthy.start(stage, server.address)?;
        let began = Instant::now();
        server.reload()?;
        let refused = || Ok(server.output()?.matches("still serving").count() >= number as usize);
        let refused_after = stage.wait("it is refused", PATIENCE, refused)?;
        let took = began.elapsed();
        let meanwhile = load.finish(stage)?;
        let growth = server.peak()?.saturating_sub(memory);
        let alone = healthy.drive(stage, server.address, took)?;
        rounds.push(Round { alone, meanwhile, refused_after, growth });
    }
    judge(report, bomb, &rounds);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(())
}

fn judge(report: &mut Report, bomb: &Bomb, rounds: &[Round]) {
    let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
    let longest = rounds.iter().map(|round| round.refused_after).max().unwrap_or_default();
    report.judge(
        bomb.name,
        format!("refused after {:.2} s at the most", longest.as_secs_f64()),
        "< 6 s",
        longest < REFUSED_WITHIN,
    );
    let most = rounds.iter().map(|round| round.growth).max().unwrap_or_default();
    report.judge("the server's memory", growth(0, most), "< 10 MB", most < GROWTH);
    let later = of(|round| round.meanwhile.p99 / round.alone.p99);
    report.judge(
        "p99 meanwhile",
        format!(
            "{:.2} -> {:.2} ms, {later:.2} times; {:+.1} % requests/s",
            of(|round| round.alone.p99),
            of(|round| round.meanwhile.p99),
            of(|round| round.meanwhile.per_second / round.alone.per_second - 1.0) * 100.0
        ),
        "< 1.1 times",
        later < LATER,
    );
    judge_errors(report, rounds.iter().map(|round| &round.meanwhile));
}

/// One tenant is healthy, and the other's handler is in `file`.
fn configuration(stage: &Stage, file: &Path) -> Result<String> {
    Ok(format!(
        "[server]\naddr = '127.0.0.1:0'\nkeep_alive = true\ncache_dir = {:?}\n\
         [[tenant]]\nname = 'a'\nsource = {:?}\n\
         [[tenant]]\nname = 'b'\nhosts = ['b']\nsource = {file:?}\n",
        stage.cache(),
        stage.hello()?
    ))
}
