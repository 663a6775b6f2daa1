//! Clients that are held until their time is over: they cost neither threads, nor the
//! healthy their time, and hardly any memory.

use std::time::{Duration, Instant};

use anyhow::Result;
use picohttp_tests::process::Gauge;

use crate::crowd::{Crowd, Habit};
use crate::load::Healthy;
use crate::pairs::{self, Busy, Pair, own_cpu};
use crate::report::{Report, growth, median};
use crate::server::Server;
use crate::stage::Stage;

const CLIENTS: usize = 10_000;

/// What the server is told to give a head, and a body.
const DEADLINE: Duration = Duration::from_secs(8);

/// How much later than that they may be told.
const LATE: Duration = Duration::from_secs(1);

pub fn idle(stage: &Stage) -> Result<Report> {
    run(stage, Habit::default())
}

pub fn heads(stage: &Stage) -> Result<Report> {
    let first = b"GET /hello HTTP/1.1\r\nA: ".to_vec();
    run(stage, Habit { first, dribble: Some(b'a'), ..Habit::default() })
}

pub fn bodies(stage: &Stage) -> Result<Report> {
    let first = b"POST /hello HTTP/1.1\r\nContent-Length: 100000\r\n\r\n".to_vec();
    run(stage, Habit { first, dribble: Some(b'a'), ..Habit::default() })
}

/// What one round saw of the crowd.
struct Held {
    gauge: Gauge,
    told: Duration,
    gone: Duration,
}

fn run(stage: &Stage, habit: Habit) -> Result<Report> {
    let count = stage.clients(CLIENTS);
    let deadline = format!("{}s", DEADLINE.as_secs());
    let args = ["--head-timeout", &deadline, "--body-timeout", &deadline];
    let mut server = Server::start(stage, &stage.hello()?, &args)?;
    let healthy = Healthy::asking("/hello");
    healthy.drive(stage, server.address, stage.measure)?;
    server.rest(stage)?;
    let before = server.gauge()?;

    let (mut pairs, mut rounds) = (Vec::new(), Vec::new());
    for _ in 0..stage.rounds {
        stage.quiet()?;
        let alone = healthy.drive(stage, server.address, stage.measure)?;
        server.settle(stage, &before)?;
        let mut crowd = Crowd::send(server.address, count, habit.clone());
        crowd.wait(stage, count, DEADLINE)?;
        let came = Instant::now();
        let busy = Busy::start(own_cpu)?;
        let attacked = healthy.drive(stage, server.address, stage.measure)?;
        pairs.push(Pair { alone, attacked, busy: busy.share()? });
        stage.wait("the healthy are gone", DEADLINE, || {
            Ok(server.descriptors()? <= before.descriptors + count - crowd.gone())
        })?;
        let gauge = server.gauge()?;
        stage.wait("all are shed", DEADLINE * 3, || {
            Ok(server.descriptors()? <= before.descriptors)
        })?;
        rounds.push(Held { gauge, told: crowd.longest(), gone: came.elapsed() });
        drop(crowd);
    }
    let mut report = Report::default();
    judge(&mut report, count, &before, &rounds);
    pairs::judge(&mut report, &pairs);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(report)
}

fn judge(report: &mut Report, count: usize, before: &Gauge, rounds: &[Held]) {
    let of = |value: fn(&Held) -> f64| median(rounds.iter().map(value));
    let held = of(|held| held.gauge.descriptors as f64) as usize - before.descriptors;
    report.judge("held at once", format!("{held} of {count}"), "all", held == count);
    let threads = of(|held| held.gauge.threads as f64) as usize;
    let figure = format!("{} -> {threads}", before.threads);
    report.judge("threads", figure, "no more", threads <= before.threads);
    let memory = of(|held| held.gauge.memory as f64) as usize;
    let each = memory.saturating_sub(before.memory) / held.max(1);
    let figure = format!("{}, {each} bytes a connection", growth(before.memory, memory));
    let met = each < 4096 && memory.saturating_sub(before.memory) < 40_000_000;
    report.judge("memory", figure, "< 40 MB, < 4096 bytes each", met);
    let told = Duration::from_secs_f64(of(|held| held.told.as_secs_f64()));
    let figure = format!("at the latest after {:.2} s", told.as_secs_f64());
    let goal = format!("<= {} s and 1 s", DEADLINE.as_secs());
    report.judge("told or closed", figure, &goal, told <= DEADLINE + LATE);
    report.note(
        "descriptors free",
        format!("{:.2} s after the last came", of(|held| held.gone.as_secs_f64())),
    );
}
