//! Servers side by side: the same handlers under the same load, in one table.
//!
//! ```sh
//! cargo bench --bench compare                     # all, in about five minutes
//! cargo bench --bench compare -- --quick          # all, in less than one: no figures to quote
//! cargo bench --bench compare -- --only hello --only nginx --rounds 7 --seconds 5
//! ```
//!
//! In the order of a run: [`workloads`] are what is asked, [`servers`] are who is asked,
//! and [`files`] are built for them. For each of them in turn, round after round,
//! [`measure`] starts a [`process`], sees with a [`probe`] that it answers rightly, drives
//! it with a [`load`] and reads its [`usage`]. [`table`] prints the medians, and
//! [`machine`] what they were measured on.

mod options;
mod workloads;
mod servers;
mod files;
mod measure;
mod process;
mod probe;
mod load;
mod usage;
mod table;
mod machine;
mod interrupt;

use anyhow::{Result, bail};
use clap::Parser;

use files::Files;
use interrupt::Interrupt;
use measure::measure;
use options::Options;
use servers::{SERVERS, Server};
use table::Row;
use workloads::{LEFT_OUT, WORKLOADS, Workload};

fn main() -> Result<()> {
    let options = Options::parse();
    options.check()?;
    let mut notes: Vec<String> = LEFT_OUT.iter().map(|left_out| (*left_out).to_owned()).collect();
    let mut servers = Vec::new();
    for server in SERVERS.iter().filter(|server| options.wants_server(server)) {
        match (server.version)() {
            Some(version) => servers.push((server, version)),
            None => notes.push(format!("{} is not here; {}", server.name, server.install)),
        }
    }
    let workloads: Vec<&Workload> =
        WORKLOADS.iter().filter(|workload| options.wants_workload(workload)).collect();
    if options.list {
        table::list(&workloads, &servers, &notes);
        return Ok(());
    }
    let Some(wrk) = load::version() else { bail!(load::INSTALL) };

    let interrupt = Interrupt::catch()?;
    let files = Files::build()?;
    let mut rows = rows(&workloads, &servers);
    run(&mut rows, &options, &files, &interrupt, &mut notes)?;

    machine::print(&servers, &wrk);
    println!("{}", options.plan());
    table::print(&rows);
    table::footnotes(&rows, &notes);
    Ok(())
}

/// A row for each workload, kind of connection and server that can do it, in the order
/// of the table, which is that of measuring too: what is compared is measured side by
/// side in time.
fn rows(workloads: &[&'static Workload], servers: &[(&'static Server, String)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for workload in workloads {
        for connection in servers::BOTH {
            for (server, _) in servers {
                if server.can(*connection, workload) {
                    rows.push(Row::new(workload, *connection, server));
                }
            }
        }
    }
    rows
}

/// Measures every row once in each round. What fails once is noted, and not
/// tried again.
fn run(
    rows: &mut [Row],
    options: &Options,
    files: &Files,
    interrupt: &Interrupt,
    notes: &mut Vec<String>,
) -> Result<()> {
    let plan = options.plan();
    for round in 1..=plan.rounds {
        for row in &mut *rows {
            if matches!(row.rounds.last(), Some(None)) {
                row.rounds.push(None);
                continue;
            }
            eprintln!("{round}/{} {row}", plan.rounds);
            let measured = measure(row, &plan, files, interrupt);
            interrupt.check()?;
            row.rounds.push(match measured {
                Ok(measured) => Some(measured),
                Err(error) => {
                    notes.push(format!("{row}: {error:#}"));
                    None
                }
            });
        }
    }
    Ok(())
}
