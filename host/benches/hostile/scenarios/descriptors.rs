//! More clients than the server has descriptors for: it waits without effort, and serves
//! at once when there is room.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::crowd::{Crowd, Habit};
use crate::load::Healthy;
use crate::report::{Report, median};
use crate::server::Server;
use crate::stage::Stage;

const CLIENTS: usize = 200;
const DESCRIPTORS: u64 = 64;

pub fn run(stage: &Stage) -> Result<Report> {
    let mut server = Server::start(stage, &stage.hello()?, &["--head-timeout", "100s"])?;
    let healthy = Healthy::asking("/hello");
    healthy.drive(stage, server.address, Duration::from_millis(300))?;
    server.rest(stage)?;
    server.limit_descriptors(DESCRIPTORS)?;
    let before = server.gauge()?;

    let time = stage.seconds(10);
    let (mut idle, mut held, mut back, mut most) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..stage.rounds {
        idle.push(share(stage, &server, time / 4)?);
        let first = b"GET /hello HTTP/1.1\r\n".to_vec();
        let mut crowd = Crowd::send(server.address, CLIENTS, Habit { first, ..Habit::default() });
        crowd.wait(stage, CLIENTS, time)?;
        held.push(share(stage, &server, time)?);
        most = most.max(server.descriptors()?);
        // The last in line: behind all that are to be accepted first.
        let mut client = TcpStream::connect(server.address)?;
        client.set_read_timeout(Some(time))?;
        client.write_all(b"GET /hello HTTP/1.0\r\n\r\n")?;
        let release = Instant::now();
        drop(crowd);
        let mut answer = String::new();
        client.read_to_string(&mut answer)?;
        anyhow::ensure!(answer.starts_with("HTTP/1.0 200 "), "it answers {answer:?}");
        back.push(release.elapsed().as_secs_f64());
        server.settle(stage, &before)?;
    }
    let mut report = Report::default();
    let (idle, held, back) = (median(idle), median(held), median(back));
    report.judge(
        "processor",
        format!("{:.2} % of one, without clients {:.2} %; {most} open", held * 100.0, idle * 100.0),
        "< 2 %",
        held < 0.02,
    );
    let figure = format!("200 after {:.0} ms", back * 1e3);
    report.judge("released", figure, "< 200 ms", back < 0.2);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(report)
}

/// How much of a processor the server takes.
fn share(stage: &Stage, server: &Server, time: Duration) -> Result<f64> {
    let (start, before) = (Instant::now(), server.usage()?.cpu);
    stage.interrupt.sleep(time)?;
    Ok((server.usage()?.cpu - before).as_secs_f64() / start.elapsed().as_secs_f64())
}
