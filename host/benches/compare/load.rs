//! The load: wrk, with one thread and 32 connections, each of which asks again as soon as
//! it is answered.
//!
//! wrk opens a new connection when an answer says that this one is closed. It counts a
//! latency from the sending of the request on: with a connection for each request, the
//! time to connect is in the requests per second and not in the percentiles. For an answer
//! that is much later than others, it adds those that would have been asked for meanwhile.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::files::Files;
use crate::interrupt::Interrupt;
use crate::process::Process;
use crate::servers::Connection;
use crate::usage;
use crate::workloads::Workload;

pub const CONNECTIONS: u32 = 32;

pub const INSTALL: &str = "wrk, which makes the load, is not here; apt install wrk";

/// What wrk counted.
#[derive(Clone, Debug)]
pub struct Load {
    pub requests: f64,
    pub seconds: f64,
    /// Milliseconds that half, 99 % and 99.9 % of the answers took at most.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    /// Answers with an error's status, and connections that broke or took too long.
    pub errors: f64,
    /// How much of a core wrk itself used.
    pub busy: f64,
}

pub fn version() -> Option<String> {
    // It exits with 1 after its version.
    let output = Command::new("wrk").arg("-v").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.split(" Copyright").next().unwrap_or_default().trim().to_owned())
}

/// Asks for so long.
pub fn drive(
    port: u16,
    workload: &Workload,
    connection: Connection,
    duration: Duration,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<Load> {
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{CONNECTIONS}"), "--timeout=10s"]);
    // wrk knows whole seconds only; it is stopped in time, and ends by itself if it is not.
    command.arg(format!("-d{}s", duration.as_secs() + 30));
    command.arg("-s").arg(Files::peer("wrk.lua"));
    command.arg(format!("http://127.0.0.1:{port}/{}", workload.name));
    command.args(["--", workload.method, &workload.body.to_string(), &connection.to_string()]);
    command.args((workload.hosts > 0).then(|| workload.hosts.to_string()));
    let mut wrk = Process::start(command, folder)?;
    interrupt.sleep(duration)?;
    wrk.check_alive().context("wrk")?;
    let busy = usage::of_group(wrk.group())?.cpu.as_secs_f64() / duration.as_secs_f64();
    let status = wrk.stop(interrupt).context("wrk")?;
    let output = wrk.output()?;
    ensure!(status.success(), "wrk failed ({status}): {output}");
    parse(&output, busy).with_context(|| format!("wrk printed {output}"))
}

/// Reads what `wrk.lua` prints last.
fn parse(output: &str, busy: f64) -> Result<Load> {
    let line = output.lines().find_map(|line| line.strip_prefix("compare: "));
    let numbers: Vec<f64> = line
        .context("no line for this comparison")?
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [requests, microseconds, p50, p99, p999, errors] = numbers[..] else {
        anyhow::bail!("not six numbers")
    };
    ensure!(requests > 0.0, "no request was answered");
    Ok(Load {
        requests,
        seconds: microseconds / 1e6,
        p50: p50 / 1e3,
        p99: p99 / 1e3,
        p999: p999 / 1e3,
        errors,
        busy,
    })
}
