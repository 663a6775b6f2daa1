//! Clients that ask for much and take nothing of it: what is kept for them has a bound, and
//! an end.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::crowd::{Crowd, Habit};
use crate::load::Healthy;
use crate::pairs;
use crate::report::{Report, growth};
use crate::server::Server;
use crate::stage::Stage;

const CLIENTS: usize = 1000;

const DEADLINE: Duration = Duration::from_secs(10);

/// How much longer the last of them may be here.
const LATE: Duration = Duration::from_secs(1);

/// What the server may keep for all clients, and beside it what four handlers at once may
/// have, which is theirs and not the clients'.
const BUDGET: usize = 128 << 20;
const RUNNING: usize = 4 * (32 << 20);

/// How often the server is looked at, and how often it must be idle then to be done.
const STEP: Duration = Duration::from_millis(150);
const STEPS: u32 = 6;

/// More is not waited for: a server without a bound would take all of this machine's memory.
const TOO_MUCH: usize = 2 << 30;

pub fn run(stage: &Stage) -> Result<Report> {
    let count = stage.clients(CLIENTS);
    let args = [
        ["--write-timeout", "10s"],
        ["--max-buffered", "128MiB"],
        ["--max-memory", "32MiB"],
        ["--max-concurrent-requests", "4"],
    ];
    let mut server = Server::start(stage, &stage.guest("huge_body")?, &args.concat())?;
    let healthy = Healthy::asking("/12");
    let alone = healthy.drive(stage, server.address, stage.measure)?;
    server.rest(stage)?;
    let before = server.gauge()?;

    let first = b"GET /10485760 HTTP/1.0\r\n\r\n".to_vec();
    let habit = Habit { first, deaf: true, per_second: Some(500), ..Habit::default() };
    let crowd = Crowd::send(server.address, count, habit);
    let served = serve(stage, &server, &crowd, count)?;
    let mut report = Report::default();
    if served {
        let during = healthy.drive(stage, server.address, stage.measure)?;
        let figure = format!("{:.0} -> {:.0} requests/s", alone.per_second, during.per_second);
        report.note("healthy throughput", figure);
        pairs::judge_errors(&mut report, [&during]);
    } else {
        report.judge("healthy throughput", "given up for want of memory", "goes on", false);
    }
    let began = Instant::now();
    let held = server.descriptors()?.saturating_sub(before.descriptors);
    let crowd = served.then_some(crowd);
    stage
        .wait("all are closed", DEADLINE * 5, || Ok(server.descriptors()? <= before.descriptors))?;
    let gone = began.elapsed();
    drop(crowd);

    let most = peak(&server)?.saturating_sub(before.memory);
    let figure = format!("at most {}, with {count} clients", growth(0, most));
    report.judge("memory", figure, "< 134 MB, and 134 of handlers", most <= BUDGET + RUNNING);
    let figure =
        format!("{held} of them, {:.2} s after they had their answers", gone.as_secs_f64());
    report.judge("closed", figure, "<= 10 s and 1 s", gone <= DEADLINE + LATE);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(report)
}

/// Waits until all clients have come and nothing is done for them any more. False if that
/// takes too much memory.
fn serve(stage: &Stage, server: &Server, crowd: &Crowd, count: usize) -> Result<bool> {
    let (mut last, mut quiet) = (server.usage()?.cpu, 0);
    loop {
        stage.interrupt.sleep(STEP)?;
        let now = server.usage()?.cpu;
        if peak(server)? > TOO_MUCH {
            return Ok(false);
        }
        quiet = if crowd.came() == count && now - last < STEP / 10 { quiet + 1 } else { 0 };
        if quiet == STEPS {
            return Ok(true);
        }
        last = now;
    }
}

/// The most memory that the server has had.
fn peak(server: &Server) -> Result<usize> {
    Ok(usize::try_from(server.usage()?.peak_kib)? << 10)
}
