//! A handler behind a socket, under wrk's load.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use picohttp_host::{HttpServer, Sandbox};
use picohttp_tests::host::{Host, load};
use picohttp_tests::wrk::{Counted, INSTALL};

/// How long each load lasts, in seconds, and how many connections the larger one has.
const SECONDS: u32 = 1;
const CONNECTIONS: u32 = 32;

/// What wrk saw. Each connection was kept open.
pub struct Traffic {
    /// Milliseconds that half and 99 % of the answers took at most, asked for by one client.
    pub p50: f64,
    pub p99: f64,
    /// Answers each second to 32 clients, and milliseconds that 99 % of them took at most.
    pub rate: f64,
    pub busy_p99: f64,
}

impl Traffic {
    /// Each figure's median.
    pub fn median(rounds: &[Traffic]) -> Traffic {
        let median = |figure: fn(&Traffic) -> f64| {
            let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Traffic {
            p50: median(|traffic| traffic.p50),
            p99: median(|traffic| traffic.p99),
            rate: median(|traffic| traffic.rate),
            busy_p99: median(|traffic| traffic.busy_p99),
        }
    }
}

/// Serves a handler.
pub fn serve(file: &Path) -> Result<Host> {
    let server = HttpServer::new(load(file, Sandbox::default())?).keep_alive(Default::default());
    let host = Host::serve(server)?;
    ensure!(host.get("/hello")?.text() == "Hello world!");
    Ok(host)
}

pub fn measure(host: &Host) -> Result<Traffic> {
    let Counted { p50, p99, .. } = drive(host, 1, SECONDS)?;
    let busy = drive(host, CONNECTIONS, SECONDS)?;
    Ok(Traffic { p50, p99, rate: busy.requests / busy.seconds, busy_p99: busy.p99 })
}

fn drive(host: &Host, connections: u32, seconds: u32) -> Result<Counted> {
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--timeout=10s"])
        .args(["-s", concat!(env!("CARGO_MANIFEST_DIR"), "/benches/compare/peers/wrk.lua")])
        .arg(format!("http://{}/hello", host.address()))
        .args(["--", "GET", "0", "keep-alive"])
        .output()
        .context(INSTALL)?;
    let counted = Counted::parse(&String::from_utf8_lossy(&output.stdout))?;
    ensure!(counted.requests > 0.0 && counted.errors == 0.0, "requests failed: {counted:?}");
    Ok(counted)
}
