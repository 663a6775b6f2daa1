//! One handler, a hundred and a thousand: loaded, with one of them asked, and all asked in
//! turn.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::load::Healthy;
use crate::report::{Report, median};
use crate::server::Server;
use crate::stage::Stage;

/// How many are loaded while one is asked, and how much of its throughput there must still be.
const LOADED: [usize; 3] = [1, 100, 1000];
const KEPT_LOADED: f64 = 0.85;

/// How many are asked in turn, of a thousand that are loaded, and how much of one handler's
/// throughput there must still be: the first two goals, and that of a thousand.
const ASKED: [(usize, f64); 4] = [(1, 1.0), (100, 0.85), (200, 0.85), (1000, 0.7)];

/// How they are asked: on connections that persist, and on one for each request.
const ASKED_HOW: [(bool, &str); 2] = [(true, "keep-alive"), (false, "close")];

/// What a round measured, in requests per second.
struct Round {
    loaded: Vec<f64>,
    /// For each way of asking.
    asked: Vec<Vec<f64>>,
}

pub fn run(stage: &Stage) -> Result<Report> {
    let most = stage.clients(LOADED[LOADED.len() - 1]);
    let folder = stage.new_folder()?;
    let hello = fs::read(stage.hello()?)?;
    for number in 0..most {
        // A section of its own makes it another component, with code of its own.
        let name = number.to_string();
        let section = [&[0, 2 + name.len() as u8, 1, b'n'], name.as_bytes()].concat();
        fs::write(folder.path().join(format!("{name}.wasm")), [&hello[..], &section].concat())?;
    }
    let configs: Vec<PathBuf> = LOADED
        .iter()
        .map(|&handlers| configure(stage, folder.path(), handlers.min(most)))
        .collect::<Result<_>>()?;
    // To compile takes memory.
    for config in &configs {
        Server::configured(stage, config)?.wait_until_complete(stage)?;
    }
    let servers: Vec<Server> =
        configs.iter().map(|config| Server::configured(stage, config)).collect::<Result<_>>()?;
    let mut report = Report::default();
    for (server, handlers) in servers.iter().zip(LOADED) {
        report.note("loaded", format!("{} handlers: {}", handlers.min(most), server.gauge()?));
    }
    let ask = |server: &Server, hosts: usize, keep_alive: bool| {
        let hosts = hosts.min(most);
        let healthy = Healthy { keep_alive, hosts, ..Healthy::asking("/hello") };
        anyhow::Ok(healthy.drive(stage, server.address, stage.measure)?.per_second)
    };
    // The most are loaded by the last.
    let last = &servers[servers.len() - 1];
    let ask_all =
        |keep_alive| ASKED.iter().map(|&(hosts, _)| ask(last, hosts, keep_alive)).collect();
    let mut rounds = Vec::new();
    for _ in 0..=stage.rounds {
        let loaded = servers.iter().map(|server| ask(server, 1, true)).collect::<Result<_>>()?;
        let asked = ASKED_HOW.iter().map(|&(how, _)| ask_all(how)).collect::<Result<_>>()?;
        rounds.push(Round { loaded, asked });
    }
    // The first was for each to have run once.
    rounds.remove(0);
    for (number, handlers) in LOADED.into_iter().enumerate() {
        let figures = rounds.iter().map(|round| (round.loaded[number], round.loaded[0]));
        let what = format!("{} loaded, one asked", handlers.min(most));
        judge(&mut report, &what, figures, KEPT_LOADED);
    }
    for (how, (_, name)) in ASKED_HOW.into_iter().enumerate() {
        for (number, (handlers, kept)) in ASKED.into_iter().enumerate() {
            let figures =
                rounds.iter().map(|round| (round.asked[how][number], round.asked[how][0]));
            judge(&mut report, &format!("{} in turn, {name}", handlers.min(most)), figures, kept);
        }
    }
    report.note("afterwards", last.gauge()?.to_string());
    Ok(report)
}

/// A configuration of the first so many handlers in the folder, each a tenant's own.
fn configure(stage: &Stage, folder: &Path, handlers: usize) -> Result<PathBuf> {
    let mut text = format!(
        "[server]\naddr = '127.0.0.1:0'\nkeep_alive = true\ncache_dir = {:?}\n",
        stage.cache()
    );
    for name in 0..handlers {
        text +=
            &format!("[[tenant]]\nname = 't{name}'\nhosts = ['t{name}']\nsource = '{name}.wasm'\n");
    }
    let config = folder.join(format!("{handlers}.toml"));
    fs::write(&config, text)?;
    Ok(config)
}

/// Judges requests per second by how much they are of one handler's in the same round.
fn judge(
    report: &mut Report,
    what: &str,
    figures: impl Iterator<Item = (f64, f64)> + Clone,
    wanted: f64,
) {
    let kept = median(figures.clone().map(|(figure, one)| figure / one));
    let per_second = median(figures.map(|(figure, _)| figure));
    report.judge(
        what,
        format!("{per_second:.0} requests/s, {:.1} % of one handler's", kept * 100.0),
        &format!(">= {:.0} %", wanted * 100.0),
        kept >= wanted,
    );
}
