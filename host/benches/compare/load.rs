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
use picohttp_tests::wrk::Counted;

use crate::files::Files;
use crate::interrupt::Interrupt;
use crate::process::Process;
use crate::servers::Connection;
use crate::usage;
use crate::workloads::Workload;

pub const CONNECTIONS: u32 = 32;

/// Asks for so long. Says, too, how much of a core wrk itself used.
pub fn drive(
    port: u16,
    workload: &Workload,
    connection: Connection,
    duration: Duration,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<(Counted, f64)> {
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
    let counted = Counted::parse(&output)?;
    ensure!(counted.requests > 0.0, "no request was answered: {output}");
    Ok((counted, busy))
}
