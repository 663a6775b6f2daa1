//! One measurement: a server is started, checked, warmed up, driven and killed.

use std::fmt;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use picohttp_tests::wrk::Counted;
use tempfile::TempDir;

use crate::files::Files;
use crate::interrupt::Interrupt;
use crate::load::{self, CONNECTIONS};
use crate::pace::{Latency, Pace};
use crate::probe::probe;
use crate::process::Process;
use crate::servers::{Connection, Place};
use crate::table::Row;
use crate::usage;

/// How often and how long.
pub struct Plan {
    pub rounds: u32,
    pub seconds: f64,
    pub warm_up: f64,
}

#[derive(Clone, Debug)]
pub struct Measurement {
    pub load: Counted,
    /// How much of a core wrk itself used.
    pub busy: f64,
    pub requests_per_second: f64,
    /// Microseconds of the server's user and system time per request.
    pub cpu: f64,
    pub peak_mib: f64,
}

/// The longest that a slow server makes a measurement.
const SLOWEST: Duration = Duration::from_secs(10);

/// Asks as fast as there are answers.
pub fn measure(
    row: &Row,
    plan: &Plan,
    files: &Files,
    interrupt: &Interrupt,
) -> Result<Measurement> {
    let Started { mut server, port, alone, _folder } = start(row, files, interrupt)?;
    let drive = |duration| {
        let folder = files.new_folder()?;
        load::drive(port, row.workload, row.connection, duration, folder.path(), interrupt)
    };
    // A server that takes turns among all connections answers none of them sooner.
    let first_answers = alone * CONNECTIONS;
    let duration = Duration::from_secs_f64(plan.seconds).max(first_answers * 2).min(SLOWEST);
    if first_answers < duration / 2 {
        drive(Duration::from_secs_f64(plan.warm_up))?;
        settle(&server, interrupt)?;
    }
    let before = usage::of_group(server.group())?;
    let (load, busy) = drive(duration)?;
    let after = usage::of_group(server.group())?;
    server.check_alive().context("under load")?;

    Ok(Measurement {
        requests_per_second: load.requests / load.seconds,
        cpu: (after.cpu - before.cpu).as_secs_f64() * 1e6 / load.requests,
        peak_mib: after.peak_kib as f64 / 1024.0,
        load,
        busy,
    })
}

/// Asks so many times a second.
pub fn at_pace(
    row: &Row,
    per_second: f64,
    plan: &Plan,
    files: &Files,
    interrupt: &Interrupt,
) -> Result<Latency> {
    let Started { mut server, port, .. } = start(row, files, interrupt)?;
    let offer = |seconds| {
        let pace = Pace {
            server: (Ipv4Addr::LOCALHOST, port).into(),
            connections: CONNECTIONS as usize,
            keep_alive: row.connection == Connection::KeepAlive,
            per_second,
            duration: Duration::from_secs_f64(seconds),
            request: &|number| row.workload.request(row.connection, number),
        };
        pace.offer(interrupt)
    };
    offer(plan.warm_up)?;
    settle(&server, interrupt)?;
    let latency = offer(plan.seconds)?;
    server.check_alive().context("under load")?;
    Ok(latency)
}

/// A server that answers.
struct Started {
    server: Process,
    port: u16,
    /// How long an answer takes with no other client there.
    alone: Duration,
    _folder: TempDir,
}

fn start(row: &Row, files: &Files, interrupt: &Interrupt) -> Result<Started> {
    let Row { workload, connection, .. } = *row;
    let (folder, port) = (files.new_folder()?, free_port()?);
    let place = Place { port, workload, connection, files, folder: folder.path() };
    let mut server = Process::start((row.server.command)(&place)?, folder.path())?;
    let alone = probe(port, workload, connection, &mut server, interrupt)?;
    Ok(Started { server, port, alone, _folder: folder })
}

/// A port that nobody listens on; nobody else is expected to take it in the next moment.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Waits until the server has nothing left to do for clients that are gone.
fn settle(server: &Process, interrupt: &Interrupt) -> Result<()> {
    let deadline = Instant::now() + SLOWEST;
    let mut last = usage::of_group(server.group())?;
    loop {
        interrupt.sleep(Duration::from_millis(40))?;
        let now = usage::of_group(server.group())?;
        if now.cpu == last.cpu || Instant::now() > deadline {
            return Ok(());
        }
        last = now;
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { rounds, seconds, warm_up } = self;
        write!(
            f,
            "{rounds} interleaved rounds of {seconds} s after {warm_up} s of warm-up; medians. wrk \
             with 1 thread and {CONNECTIONS} connections, on the same machine."
        )?;
        if *rounds < 3 || *seconds < 1.0 {
            f.write_str(" Too little to quote.")?;
        }
        Ok(())
    }
}
