//! Clients that are frozen while they talk: their kernel answers for them, and never reads.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Signal, kill_process_group};

use crate::load::Healthy;
use crate::report::{Report, median};
use crate::server::Server;
use crate::stage::Stage;

const CLIENTS: usize = 512;

const DEADLINE: Duration = Duration::from_secs(3);
const LATE: Duration = Duration::from_secs(5);

pub fn run(stage: &Stage) -> Result<Report> {
    let args = ["--keep-alive", "--idle-timeout=3s", "--head-timeout=3s", "--write-timeout=3s"];
    let mut server = Server::start(stage, &stage.guest("huge_body")?, &args)?;
    let mut report = Report::default();
    let healthy = Healthy { keep_alive: true, ..Healthy::asking("/12") };
    healthy.drive(stage, server.address, stage.measure)?;
    // What answers of this size need stays with the threads.
    let larger = Healthy { target: "/65536", ..healthy };
    larger.drive(stage, server.address, stage.measure)?;
    server.rest(stage)?;
    let before = server.gauge()?;
    // Answers that fit in the kernel's buffers, and answers that do not quite.
    for (target, bytes) in [("/12", 12), ("/65536", 65_536)] {
        let mut times = Vec::new();
        let mut held = 0;
        for _ in 0..stage.rounds {
            let clients =
                Healthy { target, connections: stage.clients(CLIENTS), keep_alive: true, hosts: 0 };
            let load = clients.start(stage, server.address)?;
            stage.interrupt.sleep(stage.measure)?;
            kill_process_group(load.process().group(), Signal::STOP)?;
            let stopped = Instant::now();
            held = server.descriptors()? - before.descriptors;
            stage.wait("all are closed", LATE * 10, || {
                Ok(server.descriptors()? <= before.descriptors)
            })?;
            times.push(stopped.elapsed().as_secs_f64());
            // To be killed, not asked: it would connect again.
            drop(load);
            server.settle(stage, &before)?;
        }
        let last = median(times);
        report.judge(
            "closed",
            format!("{held} clients of {bytes} bytes, {last:.2} s after they were stopped"),
            "<= 3 s and 5 s",
            last <= (DEADLINE + LATE).as_secs_f64(),
        );
    }
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(report)
}
