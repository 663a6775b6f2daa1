//! What is printed: the table, its notes, and the list of what could be measured.

use std::fmt;

use crate::load::CONNECTIONS;
use crate::measure::Measurement;
use crate::pace::Latency;
use crate::servers::{Connection, Server};
use crate::workloads::Workload;

/// One row of the table, with what each round measured.
pub struct Row {
    pub workload: &'static Workload,
    pub connection: Connection,
    pub server: &'static Server,
    pub rounds: Vec<Measurement>,
    /// The requests per second of all rows of the section, if this server can take them.
    pub pace: Option<f64>,
    pub paced: Vec<Latency>,
    /// Whether it could not be measured in some round. It is not tried again then.
    pub failed: bool,
}

/// The pace of a section: this share of what the slowest WebAssembly server of it takes.
/// A server of which it is more than `MOST` is left out.
const PACE: f64 = 0.5;
const MOST: f64 = 0.8;

/// How much of a core wrk may use before it is suspected to be what was measured.
const BUSY: f64 = 0.95;

impl Row {
    pub fn new(
        workload: &'static Workload,
        connection: Connection,
        server: &'static Server,
    ) -> Row {
        let (rounds, paced) = (Vec::new(), Vec::new());
        Row { workload, connection, server, rounds, pace: None, paced, failed: false }
    }

    fn median(&self, of: impl Fn(&Measurement) -> f64) -> f64 {
        median(self.rounds.iter().map(of).collect())
    }

    fn paced(&self, of: impl Fn(&Latency) -> f64) -> f64 {
        median(self.paced.iter().map(of).collect())
    }

    fn per_second(&self) -> f64 {
        self.median(|one| one.requests_per_second)
    }

    fn same_section(&self, other: &Row) -> bool {
        self.workload.name == other.workload.name && self.connection == other.connection
    }

    fn load_was_the_limit(&self) -> bool {
        self.median(|one| one.busy) > BUSY
    }

    /// Requests per second of ours by those of this one, of each round that has both.
    fn ratios(&self, ours: &Row) -> Vec<f64> {
        let pairs = ours.rounds.iter().zip(&self.rounds);
        pairs.map(|(ours, theirs)| ours.requests_per_second / theirs.requests_per_second).collect()
    }

    fn print(&self, ours: Option<&Row>) {
        let ratio = match ours.map(|ours| self.ratios(ours)) {
            Some(ratios) if !ratios.is_empty() => format!("{:.2}", median(ratios)),
            _ => "-".to_owned(),
        };
        println!(
            "{:<22} {:>9.0}{} {:>8.2} {:>8.2} {:>8.2} {:>9.1} {:>8.0} {:>9}",
            self.server.name,
            self.per_second(),
            if self.load_was_the_limit() { '*' } else { ' ' },
            self.median(|one| one.load.p50),
            self.median(|one| one.load.p99),
            self.median(|one| one.load.p999),
            self.median(|one| one.cpu),
            self.median(|one| one.peak_mib),
            ratio
        );
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.workload.name, self.connection, self.server.name)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle.saturating_sub(1)..=middle) {
        Some([low, high]) if values.len().is_multiple_of(2) => (low + high) / 2.0,
        Some([.., middle]) => *middle,
        _ => f64::NAN,
    }
}

/// Prints the rows that were measured, in sections of the same workload and connection.
pub fn print(rows: &[Row]) {
    println!(
        "\n{:<22} {:>9}  {:>8} {:>8} {:>8} {:>9} {:>8} {:>9}",
        "", "requests", "p50", "p99", "p99.9", "CPU us", "peak RSS", "ours"
    );
    println!(
        "{:<22} {:>9}  {:>8} {:>8} {:>8} {:>9} {:>8} {:>9}",
        "", "/s", "ms", "ms", "ms", "/request", "MiB", "/ theirs"
    );
    let measured: Vec<&Row> = rows.iter().filter(|row| !row.rounds.is_empty()).collect();
    for section in measured.chunk_by(|a, b| a.same_section(b)) {
        let Some(Row { workload, connection, .. }) = section.first() else { continue };
        println!("{}: {}, {connection}", workload.name, workload.about);
        let ours = section.iter().find(|row| row.server.is_ours()).copied();
        for row in section {
            row.print(ours);
        }
    }
}

/// Gives all rows of a section the same pace.
pub fn set_paces(rows: &mut [Row]) {
    for section in rows.chunk_by_mut(|a, b| a.same_section(b)) {
        let wasm = section.iter().filter(|row| row.server.is_wasm && !row.rounds.is_empty());
        let Some(slowest) = wasm.map(Row::per_second).min_by(f64::total_cmp) else { continue };
        for row in section {
            let pace = slowest * PACE;
            row.pace = (row.per_second() * MOST > pace).then_some(pace);
        }
    }
}

/// Prints how long answers took at the same pace.
pub fn print_paced(rows: &[Row]) {
    println!("\n{:<22} {:>8} {:>8} {:>8} {:>9}", "at the same pace", "p50", "p99", "p99.9", "p99");
    println!("{:<22} {:>8} {:>8} {:>8} {:>9}", "", "ms", "ms", "ms", "/ ours");
    let paced: Vec<&Row> = rows.iter().filter(|row| !row.paced.is_empty()).collect();
    for section in paced.chunk_by(|a, b| a.same_section(b)) {
        let Some(Row { workload, connection, pace, .. }) = section.first() else { continue };
        let pace = pace.unwrap_or_default();
        println!("{}, {connection}: {pace:.0} requests per second", workload.name);
        let ours = section.iter().find(|row| row.server.is_ours());
        for row in section {
            let (p50, p99, p999) =
                (|one: &Latency| one.p50, |one: &Latency| one.p99, |one: &Latency| one.p999);
            println!(
                "{:<22} {:>8.2} {:>8.2} {:>8.2} {:>9.2}",
                row.server.name,
                row.paced(p50),
                row.paced(p99),
                row.paced(p999),
                row.paced(p99) / ours.map_or(f64::NAN, |ours| ours.paced(p99)),
            );
        }
    }
}

/// Prints what a reader must know about the figures.
pub fn footnotes(rows: &[Row], notes: &[String]) {
    println!();
    if rows.iter().any(Row::load_was_the_limit) {
        println!("* wrk's one thread was busy all the time: the server may be able to do more.");
    }
    println!(
        "p50, p99, p99.9: from the sending of a request on, without the time to connect; with it,"
    );
    println!("the mean is {CONNECTIONS} connections / requests per second.");
    println!("ours / theirs: of requests per second, within each round.");
    println!("peak RSS: since the start of the server, in sum over its processes.");
    println!("CPU: user and system time of the server's processes.");
    println!(
        "at the same pace: half of what the slowest WebAssembly server takes; from when a request \
         was due on, with the time to connect."
    );
    for row in rows {
        let errors: f64 = row.rounds.iter().map(|one| one.load.errors).sum();
        let requests: f64 = row.rounds.iter().map(|one| one.load.requests).sum();
        if errors > 0.0 {
            println!("{row}: {errors} errors in {requests} requests");
        }
    }
    notes.iter().for_each(|note| println!("{note}"));
}

/// Prints what could be measured here.
pub fn list(workloads: &[&Workload], servers: &[(&'static Server, String)], notes: &[String]) {
    workloads.iter().for_each(|workload| println!("{:<22} {}", workload.name, workload.about));
    println!();
    for (server, version) in servers {
        println!("{:<22} {}; {version}", server.name, server.about);
    }
    println!();
    notes.iter().for_each(|note| println!("{note}"));
}
