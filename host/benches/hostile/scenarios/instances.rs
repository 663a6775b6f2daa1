//! Handlers that wait: what each living instance costs.

use std::time::Duration;

use anyhow::Result;

use crate::crowd::{Crowd, Habit};
use crate::report::{Report, growth, median};
use crate::server::Server;
use crate::stage::Stage;

/// As many as may run at once by default.
const CLIENTS: usize = 64;

const PATIENCE: Duration = Duration::from_secs(20);

pub fn run(stage: &Stage) -> Result<Report> {
    let mut each = Vec::new();
    let mut report = Report::default();
    for _ in 0..stage.rounds {
        // A new server each time: the next round would meet stacks that are used already.
        let args = ["--timeout", "3s"];
        let mut server = Server::start(stage, &stage.guest("sleep_forever")?, &args)?;
        // The first that sleeps starts what wakes it.
        let first = b"GET / HTTP/1.0\r\n\r\n".to_vec();
        let habit = Habit { first, ..Habit::default() };
        let one = Crowd::send(server.address, 1, habit.clone());
        stage.wait("one is answered", PATIENCE, || Ok(one.gone() == 1))?;
        server.rest(stage)?;
        let before = server.gauge()?;
        let mut crowd = Crowd::send(server.address, CLIENTS, habit);
        crowd.wait(stage, CLIENTS, PATIENCE)?;
        stage.interrupt.sleep(Duration::from_secs(1))?;
        let living = server.gauge()?;
        each.push(living.memory.saturating_sub(before.memory) as f64 / CLIENTS as f64);
        stage.wait("all are answered", PATIENCE, || Ok(crowd.gone() == CLIENTS))?;
        if each.len() == stage.rounds as usize {
            report.judge(
                "memory",
                format!(
                    "{}, {:.0} KB an instance and its thread's stack",
                    growth(before.memory, living.memory),
                    median(each.iter().copied()) / 1e3
                ),
                "< 256 KB each",
                median(each.iter().copied()) < 256e3,
            );
            report.judge(
                "threads",
                format!("{} -> {}", before.threads, living.threads),
                "no more",
                living.threads <= before.threads,
            );
            report.aftermath(&before, &server.settle(stage, &before)?);
        }
    }
    Ok(report)
}
