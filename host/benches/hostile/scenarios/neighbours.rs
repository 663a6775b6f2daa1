//! Twenty tenants whose handlers are quick, and one that takes all it can get.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::load::{Healthy, Measured};
use crate::pairs::judge_errors;
use crate::process::Process;
use crate::report::{Report, median};
use crate::server::Server;
use crate::stage::Stage;
use crate::usage;

/// How many tenants are healthy.
const HEALTHY: usize = 20;

/// How much of their throughput the healthy may lose, and how many times longer an answer
/// may take.
const LOSS: f64 = 0.1;
const LATER: f64 = 2.0;

/// What the other tenant's clients do: how many of them ask for what, each again as soon as
/// it is answered.
struct Greed {
    name: &'static str,
    handler: &'static str,
    target: &'static str,
    clients: usize,
}

const GREED: [Greed; 5] = [
    Greed { name: "spins for ever", handler: "spin", target: "/", clients: 32 },
    Greed { name: "computes 50 ms", handler: "work", target: "/50000", clients: 64 },
    Greed { name: "computes 2 ms", handler: "work", target: "/2000", clients: 64 },
    Greed { name: "sleeps 100 ms", handler: "pause", target: "/100", clients: 256 },
    Greed { name: "eats memory", handler: "eat_memory", target: "/", clients: 32 },
];

pub fn run(stage: &Stage) -> Result<Report> {
    let mut report = Report::default();
    for greed in &GREED {
        beside(stage, greed, &mut report)?;
    }
    Ok(report)
}

fn beside(stage: &Stage, greed: &Greed, report: &mut Report) -> Result<()> {
    let folder = stage.new_folder()?;
    let config = folder.path().join("picohttp.toml");
    fs::write(&config, configuration(stage, &stage.guest(greed.handler)?)?)?;
    let mut server = Server::configured(stage, &config)?;
    let healthy = Healthy { keep_alive: true, hosts: HEALTHY, ..Healthy::asking("/hello") };
    // Some things are made when they are first needed, and stay.
    let first = start(stage, greed, server.address)?;
    healthy.drive(stage, server.address, stage.measure)?;
    drop(first);
    server.rest(stage)?;
    let before = server.gauge()?;
    let mut rounds: Vec<(Measured, Measured, f64)> = Vec::new();
    for _ in 0..stage.rounds {
        stage.quiet()?;
        let alone = healthy.drive(stage, server.address, stage.measure)?;
        let greedy = start(stage, greed, server.address)?;
        stage.interrupt.sleep(stage.measure / 4)?;
        let cpu = usage::of_group(greedy.group())?.cpu;
        let attacked = healthy.drive(stage, server.address, stage.measure)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let own = (usage::of_group(greedy.group())?.cpu - cpu).as_secs_f64()
            / stage.measure.as_secs_f64()
            / cores as f64;
        drop(greedy);
        server.rest(stage)?;
        rounds.push((alone, attacked, own));
    }
    judge(report, greed, &rounds);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(())
}

fn judge(report: &mut Report, greed: &Greed, rounds: &[(Measured, Measured, f64)]) {
    let of = |value: fn(&(Measured, Measured, f64)) -> f64| median(rounds.iter().map(value));
    let loss = 1.0 - of(|(alone, attacked, _)| attacked.per_second / alone.per_second);
    let own = of(|(_, _, own)| *own);
    report.judge(
        greed.name,
        format!(
            "{:.0} -> {:.0} requests/s, {:+.1} %; its clients themselves took {:.1} %",
            of(|(alone, _, _)| alone.per_second),
            of(|(_, attacked, _)| attacked.per_second),
            -loss * 100.0,
            own * 100.0
        ),
        "lost < 10 % beyond the clients' own",
        loss - own < LOSS,
    );
    let later = of(|(alone, attacked, _)| attacked.p99 / alone.p99);
    report.judge(
        "p99",
        format!(
            "{:.2} -> {:.2} ms, {later:.2} times",
            of(|(alone, _, _)| alone.p99),
            of(|(_, attacked, _)| attacked.p99)
        ),
        "< 2 times",
        later < LATER,
    );
    judge_errors(report, rounds.iter().map(|(_, attacked, _)| attacked));
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

fn start(stage: &Stage, greed: &Greed, server: SocketAddr) -> Result<Process> {
    let folder = stage.new_folder()?;
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{}", greed.clients), "--timeout=10s", "-d300s"]);
    command.arg(format!("http://{server}{}", greed.target));
    Process::start(command, folder.path())
}
