//! More connections than there may be, as fast as they come: those that are here are served.

use std::time::Duration;

use anyhow::Result;

use crate::crowd::{Crowd, Habit};
use crate::load::Healthy;
use crate::pairs::{self, Busy, Pair, own_cpu};
use crate::report::Report;
use crate::server::Server;
use crate::stage::Stage;

const PER_SECOND: usize = 5000;

pub fn run(stage: &Stage) -> Result<Report> {
    let time = stage.seconds(10);
    let count = PER_SECOND * time.as_secs() as usize;
    let args = [
        "--keep-alive",
        "--max-connections=1000",
        // Who has to come again would find no room.
        "--max-requests-per-connection=4294967295",
    ];
    let mut server = Server::start(stage, &stage.hello()?, &args)?;
    let healthy = Healthy { keep_alive: true, ..Healthy::asking("/hello") };
    healthy.drive(stage, server.address, stage.measure)?;
    server.rest(stage)?;
    let before = server.gauge()?;

    let (mut pairs, mut most, mut took) = (Vec::new(), 0, Duration::ZERO);
    for _ in 0..stage.rounds {
        stage.quiet()?;
        let alone = healthy.drive(stage, server.address, time / 2)?;
        server.settle(stage, &before)?;
        let load = healthy.start(stage, server.address)?;
        stage.wait("the healthy are here", time, || {
            Ok(server.descriptors()? >= before.descriptors + healthy.connections)
        })?;
        let busy = Busy::start(own_cpu)?;
        let habit = Habit { per_second: Some(PER_SECOND), ..Habit::default() };
        let began = std::time::Instant::now();
        let mut crowd = Crowd::send(server.address, count, habit);
        crowd.wait(stage, count, time * 5)?;
        took = took.max(began.elapsed());
        most = most.max(server.descriptors()? - before.descriptors);
        let busy = busy.share()?;
        pairs.push(Pair { alone, attacked: load.finish(stage)?, busy });
        drop(crowd);
        server.settle(stage, &before)?;
    }
    let mut report = Report::default();
    let figure = format!("{count} in {:.1} s, {most} at once", took.as_secs_f64());
    report.judge("connections", figure, "1000 at once", most <= 1000);
    pairs::judge(&mut report, &pairs);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(report)
}
