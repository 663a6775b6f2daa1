//! The command line, as typed after `cargo bench --bench compare --`.

use anyhow::{Result, bail};
use clap::Parser;

use crate::measure::Plan;
use crate::servers::{SERVERS, Server};
use crate::workloads::{WORKLOADS, Workload};

/// Compares servers side by side: the same handlers under the same load.
#[derive(Parser)]
#[command(name = "compare")]
pub struct Options {
    /// Only this workload, or only servers with this in their name, and ours; repeatable
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Measure everything this many times; printed are the medians [default: 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,

    /// How long each measurement lasts [default: 1]
    #[arg(long, value_parser = seconds)]
    seconds: Option<f64>,

    /// Everything once and briefly: shows that it works, and gives no figures to quote
    #[arg(long)]
    quick: bool,

    /// Only say which workloads and servers there are
    #[arg(long)]
    pub list: bool,

    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Fails if a name is nobody's.
    pub fn check(&self) -> Result<()> {
        let unknown = |name: &&String| {
            !is_workload(name) && !SERVERS.iter().any(|server| server.name.contains(name.as_str()))
        };
        if let Some(name) = self.only.iter().find(unknown) {
            bail!("no workload and no server is called {name}; --list names them all");
        }
        Ok(())
    }

    pub fn wants_workload(&self, workload: &Workload) -> bool {
        let mut wanted = self.only.iter().filter(|name| is_workload(name)).peekable();
        wanted.peek().is_none() || wanted.any(|name| name == workload.name)
    }

    /// Ours are always wanted: the others are compared with them.
    pub fn wants_server(&self, server: &Server) -> bool {
        let mut wanted = self.only.iter().filter(|name| !is_workload(name)).peekable();
        server.is_ours()
            || wanted.peek().is_none()
            || wanted.any(|name| server.name.contains(name.as_str()))
    }

    pub fn plan(&self) -> Plan {
        let (rounds, seconds, warm_up) = if self.quick { (1, 0.25, 0.1) } else { (3, 1.0, 0.4) };
        Plan {
            rounds: self.rounds.unwrap_or(rounds),
            seconds: self.seconds.unwrap_or(seconds),
            warm_up,
        }
    }
}

fn is_workload(name: &str) -> bool {
    WORKLOADS.iter().any(|workload| workload.name == name)
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.1..=3600.0).contains(seconds))
        .ok_or_else(|| "from 0.1 to 3600".to_owned())
}
