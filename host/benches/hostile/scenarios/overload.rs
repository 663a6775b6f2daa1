//! Ten times as many requests as can be handled: as many are, and the others are told so
//! at once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::load::Healthy;
use crate::open_loop::{Outcome, offer};
use crate::report::{Report, median};
use crate::server::Server;
use crate::stage::Stage;

/// How long handlers sleep, in milliseconds, and how many may at once.
const TARGETS: [&str; 2] = ["/5", "/50"];
const RUNNING: &str = "--max-concurrent-requests=4";
const QUEUE: &str = "--max-queue=16";

/// Enough clients to keep the handlers busy, and none in excess.
const ENOUGH: usize = 12;

const TIMES: f64 = 10.0;

const PATIENCE: Duration = Duration::from_secs(60);

/// What is too late for the word that there is no room.
const AT_ONCE: Duration = Duration::from_millis(10);

/// One overload, by what became of its clients.
struct Round {
    goodput: f64,
    peak: f64,
    refused: usize,
    p99: Duration,
    unanswered: usize,
    without_retry: usize,
    total: usize,
    slowest: Duration,
}

pub fn run(stage: &Stage) -> Result<Report> {
    let mut report = Report::default();
    for target in TARGETS {
        overload(stage, target, &mut report)?;
    }
    Ok(report)
}

fn overload(stage: &Stage, target: &str, report: &mut Report) -> Result<()> {
    let mut server = Server::start(stage, &stage.guest("pause")?, &[RUNNING, QUEUE])?;
    let healthy = Healthy { connections: ENOUGH, ..Healthy::asking(target) };
    let peak = healthy.drive(stage, server.address, stage.measure)?.per_second;
    // Until the load has been as great as it gets.
    offer(stage, server.address, target, peak * TIMES, stage.measure / 2)?;
    wait_in_line(stage, server.address, target)?;
    let before = server.gauge()?;

    let mut rounds = Vec::new();
    for _ in 0..stage.rounds {
        stage.quiet()?;
        let peak = healthy.drive(stage, server.address, stage.measure)?.per_second;
        let time = stage.measure * 2;
        let outcomes = offer(stage, server.address, target, peak * TIMES, time)?;
        rounds.push(Round::of(&outcomes, peak, time));
        wait_in_line(stage, server.address, target)?;
    }
    report.note("handlers", format!("of {} ms", target.trim_start_matches('/')));
    judge(report, &rounds);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(())
}

fn judge(report: &mut Report, rounds: &[Round]) {
    let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
    let (goodput, peak) = (of(|round| round.goodput), of(|round| round.peak));
    let ratio = of(|round| round.goodput / round.peak);
    let slowest = of(|round| round.slowest.as_secs_f64());
    report.judge(
        "answered well",
        format!(
            "{goodput:.0}/s, {:.1} % of {peak:.0}/s, the slowest after {slowest:.2} s",
            ratio * 100.0
        ),
        ">= 90 %",
        ratio >= 0.9,
    );
    let p99 = of(|round| round.p99.as_secs_f64());
    report.judge(
        "refused",
        format!(
            "{:.0} of {:.0}, 99 % within {:.2} ms of their coming",
            of(|round| round.refused as f64),
            of(|round| round.total as f64),
            p99 * 1e3
        ),
        "< 10 ms",
        p99 < AT_ONCE.as_secs_f64() && rounds.iter().all(|round| round.refused > 0),
    );
    let without: usize = rounds.iter().map(|round| round.without_retry).sum();
    report.judge("503 without Retry-After", without.to_string(), "none", without == 0);
    let unanswered: usize = rounds.iter().map(|round| round.unanswered).sum();
    report.judge("left unanswered", unanswered.to_string(), "none", unanswered == 0);
}

/// Waits until all that came before are done with, those too that the kernel brings later.
fn wait_in_line(stage: &Stage, server: SocketAddr, target: &str) -> Result<()> {
    stage.wait("those before are done with", PATIENCE, || {
        let asked = Instant::now();
        let mut client = TcpStream::connect(server)?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.write_all(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes())?;
        // One that is refused was not in line.
        let answered = client.read_to_end(&mut Vec::new()).is_ok();
        stage.interrupt.sleep(Duration::from_millis(200))?;
        Ok(answered && asked.elapsed() < Duration::from_millis(400))
    })?;
    Ok(())
}

impl Round {
    fn of(outcomes: &[Outcome], peak: f64, time: Duration) -> Round {
        let of = |status| outcomes.iter().filter(move |outcome| outcome.status == status);
        let mut refused: Vec<Duration> = of(Some(503)).map(|outcome| outcome.took).collect();
        refused.sort();
        Round {
            goodput: of(Some(200)).filter(|outcome| outcome.ended <= time).count() as f64
                / time.as_secs_f64(),
            slowest: of(Some(200)).map(|outcome| outcome.took).max().unwrap_or_default(),
            peak,
            p99: refused.get(refused.len() * 99 / 100).copied().unwrap_or_default(),
            refused: refused.len(),
            unanswered: of(None).count(),
            without_retry: of(Some(503)).filter(|outcome| !outcome.retry_after).count(),
            total: outcomes.len(),
        }
    }
}
