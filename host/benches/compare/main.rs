//! Servers side by side: the same handlers under the same load, in one table.
//!
//! ```sh
//! cargo bench --bench compare                     # all, in about ten minutes
//! cargo bench --bench compare -- --quick          # all, in less than one: no figures to quote
//! cargo bench --bench compare -- --only hello --only nginx --rounds 7 --seconds 5
//! ```
//!
//! In the order of a run: [`workloads`] are what is asked, [`servers`] are who is asked,
//! and [`files`] are built for them, for many handlers those of a [`mix`]. For each of them
//! in turn, round after round, [`measure`] starts a [`process`], sees with a [`probe`] that
//! it answers rightly, drives it with a [`load`] and reads its [`usage`]. Then all are
//! asked again at one [`pace`], which all of them can keep. [`table`] prints the medians,
//! and [`machine`] what they were measured on.

mod options;
mod workloads;
mod servers;
mod files;
mod mix;
mod measure;
mod process;
mod probe;
mod load;
mod pace;
mod usage;
mod table;
mod machine;
mod interrupt;

use anyhow::{Result, bail};
use clap::Parser;
use picohttp_tests::wrk;

use files::Files;
use interrupt::Interrupt;
use options::Options;
use servers::{SERVERS, Server};
use table::Row;
use workloads::{WORKLOADS, Workload};

fn main() -> Result<()> {
    let options = Options::parse();
    options.check()?;
    let mut notes = Vec::new();
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
    let Some(wrk) = wrk::version() else { bail!(wrk::INSTALL) };

    let interrupt = Interrupt::catch()?;
    let files = Files::build()?;
    let mut rows = rows(&workloads, &servers);
    let plan = options.plan();
    let rounds = Rounds { count: plan.rounds, interrupt: &interrupt };
    rounds.run(&mut rows, &mut notes, "as fast as it can", |row| {
        row.rounds.push(measure::measure(row, &plan, &files, &interrupt)?);
        Ok(())
    })?;
    table::set_paces(&mut rows);
    rounds.run(&mut rows, &mut notes, "at a set pace", |row| {
        if let Some(pace) = row.pace {
            row.paced.push(measure::at_pace(row, pace, &plan, &files, &interrupt)?);
        }
        Ok(())
    })?;

    machine::print(&servers, &wrk);
    println!("{plan}");
    table::print(&rows);
    table::print_paced(&rows);
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

/// Every row is measured once in each round. One that fails once is noted, and not tried
/// again.
struct Rounds<'a> {
    count: u32,
    interrupt: &'a Interrupt,
}

impl Rounds<'_> {
    fn run(
        &self,
        rows: &mut [Row],
        notes: &mut Vec<String>,
        how: &str,
        mut measure: impl FnMut(&mut Row) -> Result<()>,
    ) -> Result<()> {
        for round in 1..=self.count {
            for row in rows.iter_mut().filter(|row| !row.failed) {
                eprintln!("{round}/{} {row}, {how}", self.count);
                let measured = measure(row);
                self.interrupt.check()?;
                if let Err(error) = measured {
                    notes.push(format!("{row}, {how}: {error:#}"));
                    row.failed = true;
                }
            }
        }
        Ok(())
    }
}
