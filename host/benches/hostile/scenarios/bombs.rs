//! A tenant whose new handler would take a compiler very long, or very much memory.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use picohttp_tests::bombs::{BOMBS, Bomb};

use crate::load::{Healthy, Measured};
use crate::pace::Latency;
use crate::pairs::judge_errors;
use crate::report::{Report, growth, lower_quartile, median};
use crate::server::Server;
use crate::stage::Stage;

/// How long a refusal may take.
const REFUSED_WITHIN: Duration = Duration::from_secs(6);

/// How much later an answer may come meanwhile, and how much memory the server may take.
const LATER: f64 = 1.1;
const GROWTH: usize = 10_000_000;

/// How long is waited for a refusal.
const PATIENCE: Duration = Duration::from_secs(120);

/// The pace at which answers are asked for again: this share of what is answered alone. A
/// server that has processors to spare has them for its compiler, too.
const PACE: f64 = 0.5;

/// How often and how long that is measured: together as long as the compiler may take.
///
/// A virtual machine whose processors are all busy is itself kept waiting, for milliseconds and
/// some times a second, so what it runs at its lowest priority makes all wait; where it has
/// neighbours, most moments know of that. So those that were quieter are judged, which are a quarter,
/// and the median is told.
const MOMENTS: usize = 20;
const MOMENT: Duration = Duration::from_millis(250);

struct Round {
    alone: Measured,
    meanwhile: Measured,
    /// In each moment, alone and meanwhile.
    paced: [Vec<Latency>; 2],
    /// Beside a load that takes all there is, and at that pace.
    refused_after: [Duration; 2],
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
    let mut refusals = 0;
    let mut deploy = || -> Result<_> {
        let began = SystemTime::now();
        server.reload()?;
        refusals += 1;
        Ok((began, refusals))
    };
    // Its last words are those of the refusal.
    let refused_after = |(began, refusals): (SystemTime, usize)| -> Result<Duration> {
        let refused = || Ok(server.output()?.matches("still serving").count() >= refusals);
        stage.wait("it is refused", PATIENCE, refused)?;
        Ok(server.last_words()?.duration_since(began)?)
    };
    for _ in 0..stage.rounds {
        stage.quiet()?;
        let memory = server.reset_peak()?;
        let load = healthy.start(stage, server.address)?;
        let refused = refused_after(deploy()?)?;
        let meanwhile = load.finish(stage)?;
        let alone = healthy.drive(stage, server.address, refused)?;
        let pace = alone.per_second * PACE;
        let moment = |_| healthy.at_pace(stage, server.address, pace, MOMENT);
        let at_pace = || (0..MOMENTS).map(moment).collect::<Result<Vec<_>>>();
        let paced_alone = at_pace()?;
        let deployed = deploy()?;
        let paced = [paced_alone, at_pace()?];
        let refused_after = [refused, refused_after(deployed)?];
        let growth = server.peak()?.saturating_sub(memory);
        rounds.push(Round { alone, meanwhile, paced, refused_after, growth });
    }
    judge(report, bomb, &rounds);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(())
}

fn judge(report: &mut Report, bomb: &Bomb, rounds: &[Round]) {
    let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
    let longest = [0, 1].map(|load: usize| {
        rounds.iter().map(|round| round.refused_after[load]).max().unwrap_or_default()
    });
    let [full, paced] = longest.map(|time| format!("{:.2} s", time.as_secs_f64()));
    report.judge(
        bomb.name,
        format!("refused after {paced} at the most; beside a load that takes all, {full}"),
        "< 6 s",
        longest.into_iter().all(|time| time < REFUSED_WITHIN),
    );
    let most = rounds.iter().map(|round| round.growth).max().unwrap_or_default();
    report.judge("the server's memory", growth(0, most), "< 10 MB", most < GROWTH);
    let paced = |value: fn(&Latency) -> f64| {
        [0, 1].map(|load: usize| {
            rounds.iter().flat_map(|round| &round.paced[load]).map(value).collect::<Vec<_>>()
        })
    };
    let quieter = paced(|latency| latency.p99).map(lower_quartile);
    let usual = paced(|latency| latency.p99).map(median);
    let half = paced(|latency| latency.p50).map(median);
    let change = |[before, after]: [f64; 2]| format!("{before:.2} -> {after:.2}");
    let later = quieter[1] / quieter[0];
    report.judge(
        "p99 at half the pace",
        format!(
            "{} ms, {later:.2} times; in the median moment {}; p50 {}",
            change(quieter),
            change(usual),
            change(half)
        ),
        "< 1.1 times",
        later < LATER,
    );
    report.note(
        "beside a load that takes all",
        format!(
            "p99 {:.2} -> {:.2} ms; {:+.1} % requests/s",
            of(|round| round.alone.p99),
            of(|round| round.meanwhile.p99),
            of(|round| round.meanwhile.per_second / round.alone.per_second - 1.0) * 100.0
        ),
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
