//! One handler, a hundred and a thousand, all of them asked in turn.

use std::fmt::Write;
use std::fs;

use anyhow::Result;

use crate::load::Healthy;
use crate::report::{Report, median};
use crate::server::Server;
use crate::stage::Stage;

const HANDLERS: [usize; 4] = [1, 100, 200, 1000];

/// How much of one handler's throughput there must still be: the first two goals, and that
/// of a thousand.
const KEPT: [f64; 4] = [1.0, 0.85, 0.85, 0.7];

pub fn run(stage: &Stage) -> Result<Report> {
    let most = stage.clients(HANDLERS[HANDLERS.len() - 1]);
    let folder = stage.new_folder()?;
    let hello = fs::read(stage.hello()?)?;
    let mut text = format!(
        "[server]\naddr = '127.0.0.1:0'\nkeep_alive = true\ncache_dir = {:?}\n",
        stage.cache()
    );
    for number in 0..most {
        // A section of its own makes it another component, with code of its own.
        let name = number.to_string();
        let section = [&[0, 2 + name.len() as u8, 1, b'n'], name.as_bytes()].concat();
        fs::write(folder.path().join(format!("{name}.wasm")), [&hello[..], &section].concat())?;
        write!(
            text,
            "[[tenant]]\nname = 't{name}'\nhosts = ['t{name}']\nsource = '{name}.wasm'\n"
        )?;
    }
    let config = folder.path().join("picohttp.toml");
    fs::write(&config, text)?;
    // To compile takes memory.
    Server::configured(stage, &config)?.wait_until_complete(stage)?;
    let mut report = Report::default();
    let server = Server::configured(stage, &config)?;
    report.note("loaded", format!("{most} handlers: {}", server.gauge()?));
    let mut rounds = Vec::new();
    for _ in 0..=stage.rounds {
        let mut round = Vec::new();
        for hosts in HANDLERS {
            let healthy =
                Healthy { keep_alive: true, hosts: hosts.min(most), ..Healthy::asking("/hello") };
            round.push(healthy.drive(stage, server.address, stage.measure)?);
        }
        rounds.push(round);
    }
    // The first was for each to have run once.
    rounds.remove(0);
    let of = |number: usize| median(rounds.iter().map(|round| round[number].per_second));
    for (number, hosts) in HANDLERS.into_iter().enumerate() {
        let kept =
            median(rounds.iter().map(|round| round[number].per_second / round[0].per_second));
        report.judge(
            &format!("{} handlers", hosts.min(most)),
            format!("{:.0} requests/s, {:.0} % of one handler's", of(number), kept * 100.0),
            &format!(">= {:.0} %", KEPT[number] * 100.0),
            kept >= KEPT[number],
        );
    }
    report.note("afterwards", server.gauge()?.to_string());
    Ok(report)
}
