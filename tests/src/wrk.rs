//! wrk, which makes the load of benches: whether it is here, and what it has counted.

use std::process::Command;

use anyhow::{Context, Result, bail};

pub const INSTALL: &str = "wrk, which makes the load, is not here; apt install wrk";

/// The version that is here.
pub fn version() -> Option<String> {
    // It exits with 1 after its version.
    let output = Command::new("wrk").arg("-v").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text.split(" Copyright").next().unwrap_or_default().trim().to_owned())
}

#[derive(Clone, Debug)]
pub struct Counted {
    pub requests: f64,
    pub seconds: f64,
    /// Milliseconds that half, 99 % and 99.9 % of the answers took at most.
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    /// Answers with an error's status, and connections that broke or took too long.
    pub errors: f64,
}

impl Counted {
    /// Reads what the benches' `wrk.lua` prints last.
    pub fn parse(output: &str) -> Result<Counted> {
        let line = output.lines().find_map(|line| line.strip_prefix("compare: "));
        let line = line.with_context(|| format!("wrk printed no figures: {output}"))?;
        let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [requests, microseconds, p50, p99, p999, errors] = numbers[..] else {
            bail!("wrk printed {line}, which are not six numbers")
        };
        let [p50, p99, p999] = [p50, p99, p999].map(|microseconds| microseconds / 1e3);
        Ok(Counted { requests, seconds: microseconds / 1e6, p50, p99, p999, errors })
    }
}
