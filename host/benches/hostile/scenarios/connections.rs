//! Few or many connections, all of them busy: as many requests are answered.

use anyhow::Result;

use crate::load::Healthy;
use crate::report::{Report, median};
use crate::server::Server;
use crate::stage::Stage;

const OPEN: [usize; 5] = [1, 8, 64, 512, 4096];

/// From how many connections on the server can be busy all the time, and how much less than
/// the best any may be.
const ENOUGH: usize = 8;
const FALL: f64 = 0.15;

pub fn run(stage: &Stage) -> Result<Report> {
    let mut server = Server::start(stage, &stage.hello()?, &["--keep-alive"])?;
    let with = |connections| Healthy { target: "/hello", connections, keep_alive: true };
    with(512).drive(stage, server.address, stage.measure)?;
    server.rest(stage)?;
    let before = server.gauge()?;

    let mut rows = OPEN.map(|connections| (connections, Vec::new()));
    for _ in 0..stage.rounds {
        for (connections, measured) in &mut rows {
            stage.quiet()?;
            // Many take a while to connect.
            let time = stage.measure + stage.measure * u32::try_from(*connections / 4096)?;
            measured.push(with(*connections).drive(stage, server.address, time)?);
            server.settle(stage, &before)?;
        }
    }
    let mut report = Report::default();
    let rates = rows.each_ref().map(|(connections, measured)| {
        let rate = median(measured.iter().map(|one| one.per_second));
        let (p99, errors) = (
            median(measured.iter().map(|one| one.p99)),
            measured.iter().map(|one| one.errors).sum::<f64>(),
        );
        report.note(
            &format!("{connections} open"),
            format!("{rate:.0} requests/s, p99 {p99:.2} ms, {errors} errors"),
        );
        (*connections, rate)
    });
    let many = rates.iter().filter(|(connections, _)| *connections >= ENOUGH);
    let (worst, best) = many.fold((f64::INFINITY, 0.0_f64), |(worst, best), (_, rate)| {
        (worst.min(*rate), best.max(*rate))
    });
    let fall = 1.0 - worst / best;
    let figure = format!("{:.1} % less than the best, from {ENOUGH} on", fall * 100.0);
    report.judge("the worst", figure, "< 15 %", fall < FALL);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(report)
}
