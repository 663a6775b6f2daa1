//! What is printed: the table, its notes, and the list of what could be measured.

use std::fmt;

use crate::load::CONNECTIONS;
use crate::measure::Measurement;
use crate::servers::{Connection, Server};
use crate::workloads::Workload;

/// One row of the table, with what each round measured, if it could.
pub struct Row {
    pub workload: &'static Workload,
    pub connection: Connection,
    pub server: &'static Server,
    pub rounds: Vec<Option<Measurement>>,
}

/// How much of a core wrk may use before it is suspected to be what was measured.
const BUSY: f64 = 0.95;

impl Row {
    pub fn new(
        workload: &'static Workload,
        connection: Connection,
        server: &'static Server,
    ) -> Row {
        Row { workload, connection, server, rounds: Vec::new() }
    }

    fn measured(&self) -> impl Iterator<Item = &Measurement> {
        self.rounds.iter().flatten()
    }

    fn median(&self, of: impl Fn(&Measurement) -> f64) -> f64 {
        median(self.measured().map(of).collect())
    }

    fn same_section(&self, other: &Row) -> bool {
        self.workload.name == other.workload.name && self.connection == other.connection
    }

    fn load_was_the_limit(&self) -> bool {
        self.median(|one| one.load.busy) > BUSY
    }

    /// Requests per second of ours by those of this one, of each round that has both.
    fn ratios(&self, ours: &Row) -> Vec<f64> {
        let pairs = ours.rounds.iter().zip(&self.rounds);
        pairs
            .filter_map(|(ours, theirs)| {
                Some(ours.as_ref()?.requests_per_second / theirs.as_ref()?.requests_per_second)
            })
            .collect()
    }

    fn print(&self, ours: Option<&Row>) {
        let ratio = match ours.map(|ours| self.ratios(ours)) {
            Some(ratios) if !ratios.is_empty() => format!("{:.2}", median(ratios)),
            _ => "-".to_owned(),
        };
        println!(
            "{:<22} {:>9.0}{} {:>8.2} {:>8.2} {:>8.2} {:>9.1} {:>8.0} {:>9}",
            self.server.name,
            self.median(|one| one.requests_per_second),
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
    let measured: Vec<&Row> = rows.iter().filter(|row| row.measured().next().is_some()).collect();
    for section in measured.chunk_by(|a, b| a.same_section(b)) {
        let Some(first) = section.first() else { continue };
        println!("{}: {}, {}", first.workload.name, first.workload.about, first.connection);
        let ours = section.iter().find(|row| row.server.is_ours()).copied();
        for row in section {
            row.print(ours);
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
    for row in rows {
        let errors: f64 = row.measured().map(|one| one.load.errors).sum();
        let requests: f64 = row.measured().map(|one| one.load.requests).sum();
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
