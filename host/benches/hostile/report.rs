//! What is printed: each figure of a scenario with its goal, and whether that was met.

use anyhow::Result;
use picohttp_tests::process::Gauge;

use crate::scenarios::Scenario;
use crate::server::SLACK;

/// What a scenario found out.
#[derive(Default)]
pub struct Report {
    findings: Vec<Finding>,
}

struct Finding {
    what: String,
    figure: String,
    goal: String,
    met: Option<bool>,
}

impl Report {
    /// A figure that has a goal.
    pub fn judge(&mut self, what: &str, figure: impl Into<String>, goal: &str, met: bool) {
        self.add(what, figure, goal, Some(met));
    }

    /// A figure that explains another.
    pub fn note(&mut self, what: &str, figure: impl Into<String>) {
        self.add(what, figure, "", None);
    }

    /// What the server has after all is over.
    pub fn aftermath(&mut self, before: &Gauge, after: &Gauge) {
        let goal = format!("as before, memory within {} MiB", SLACK >> 20);
        self.judge(
            "afterwards",
            format!("{before} -> {after}"),
            &goal,
            after.is_back(before, SLACK),
        );
    }

    fn add(&mut self, what: &str, figure: impl Into<String>, goal: &str, met: Option<bool>) {
        let (what, figure, goal) = (what.to_owned(), figure.into(), goal.to_owned());
        self.findings.push(Finding { what, figure, goal, met });
    }
}

/// Prints a scenario, and returns how many of its goals were not met.
pub fn print(scenario: &Scenario, report: Result<Report>) -> usize {
    println!("\n{}: {}", scenario.name, scenario.about);
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            println!("  NOT MET: {error:#}");
            return 1;
        }
    };
    for Finding { what, figure, goal, met } in &report.findings {
        let met = match met {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "",
        };
        println!("  {}", format!("{what:<24} {figure:<84} {goal:<38} {met}").trim_end());
    }
    report.findings.iter().filter(|finding| finding.met == Some(false)).count()
}

/// The middle one of the values, or of the two in the middle the lower.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    value_at(values, 2)
}

/// What a quarter of the values do not exceed.
pub fn lower_quartile(values: impl IntoIterator<Item = f64>) -> f64 {
    value_at(values, 4)
}

/// The one up to which there is one part of so many.
fn value_at(values: impl IntoIterator<Item = f64>, parts: usize) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / parts).copied().unwrap_or(f64::NAN)
}

/// As millions of bytes, with a sign.
pub fn growth(before: usize, after: usize) -> String {
    format!("{:+.1} MB", (after as f64 - before as f64) / 1e6)
}
