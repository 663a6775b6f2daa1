//! Answers that would grow in the host: how much memory the host takes for each, and how
//! soon it refuses.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use picohttp_tests::client::get_of;

use crate::report::{Report, median};
use crate::server::Server;
use crate::stage::Stage;

/// A guest, what is asked of it, and how much of its own memory it uses for that.
struct Answer {
    name: &'static str,
    guest: &'static str,
    target: &'static str,
    own: usize,
}

#[rustfmt::skip]
const ANSWERS: [Answer; 6] = [
    Answer { name: "10 000 times 64 KiB", guest: "aliased_headers", target: "/", own: 224 << 10 },
    Answer { name: "200 000 empty headers", guest: "empty_headers", target: "/", own: 0 },
    Answer { name: "body of 60 MiB", guest: "huge_body", target: "/62914560", own: 60 << 20 },
    Answer { name: "error of 60 MiB", guest: "huge_error", target: "/62914560", own: 120 << 20 },
    Answer { name: "protocol of 60 MiB", guest: "long_protocol", target: "/", own: 60 << 20 },
    Answer { name: "8 MiB three times", guest: "aliased_body", target: "/", own: 0 },
];

/// How large a response may be, and how much more the host may take for it.
const LIMIT: usize = 16 << 20;
const MORE: usize = 4 << 20;

const MIB: f64 = 1_048_576.0;

const SOON: Duration = Duration::from_millis(200);

pub fn run(stage: &Stage) -> Result<Report> {
    let folder = stage.new_folder()?;
    let config = folder.path().join("picohttp.toml");
    fs::write(&config, configuration(stage)?)?;
    // To compile takes memory.
    drop(Server::configured(stage, &config)?);
    let mut report = Report::default();
    for (number, answer) in ANSWERS.iter().enumerate() {
        // One that has nothing left of other answers.
        let server = Server::configured(stage, &config)?;
        let mut figures = Vec::new();
        let before = server.gauge()?.memory;
        for _ in 0..3 * stage.rounds {
            server.rest(stage)?;
            let resting = server.reset_peak()?;
            let took = ask(server.address, number, answer.target)?;
            let grown = server.peak()?.saturating_sub(resting).saturating_sub(answer.own);
            figures.push((grown as f64, took.as_secs_f64()));
        }
        let memory = figures.iter().map(|figure| figure.0).fold(0.0, f64::max);
        let kept = server.gauge()?.memory.saturating_sub(before);
        let took = median(figures.iter().map(|figure| figure.1));
        report.judge(
            answer.name,
            format!(
                "{:.1} MiB more at the most, {:.1} after {} of them, refused after {:.0} ms",
                memory / MIB,
                kept as f64 / MIB,
                figures.len(),
                took * 1e3
            ),
            "<= 20 MiB, < 200 ms",
            memory.max(kept as f64) <= (LIMIT + MORE) as f64 && took < SOON.as_secs_f64(),
        );
    }
    Ok(report)
}

fn configuration(stage: &Stage) -> Result<String> {
    let mut text = format!(
        "[server]\naddr = '127.0.0.1:0'\ncache_dir = {:?}\n\
         [defaults]\nmax_memory = '128MiB'\nmax_response_size = {LIMIT}\n",
        stage.cache()
    );
    for (number, Answer { guest, .. }) in ANSWERS.iter().enumerate() {
        let source = stage.guest(guest)?;
        let host = format!("a{number}");
        write!(text, "[[tenant]]\nname = '{host}'\nhosts = ['{host}']\nsource = {source:?}\n")?;
    }
    Ok(text)
}

/// How long it takes until the client is told that there is no answer.
fn ask(server: SocketAddr, number: usize, target: &str) -> Result<Duration> {
    let began = Instant::now();
    let answer = get_of(server, &format!("a{number}"), target)?;
    ensure!(answer.status == 502, "{answer:?}");
    Ok(began.elapsed())
}
