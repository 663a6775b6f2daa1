//! The table.

use crate::handler::Measured;
use crate::traffic::Traffic;

pub struct Row {
    pub language: &'static str,
    /// How large the component is, in bytes.
    pub size: u64,
    pub handler: Measured,
    pub traffic: Traffic,
}

pub fn print_head() {
    println!(
        "{:<12}{:>9}{:>9}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "",
        "size",
        "compile",
        "load",
        "instance",
        "life",
        "memory",
        "p50",
        "p99",
        "requests",
        "p99 of"
    );
    println!(
        "{:<12}{:>9}{:>9}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
        "", "KiB", "ms", "ms", "us", "us", "KiB", "ms", "ms", "/s", "32, ms"
    );
}

pub fn print(row: &Row) {
    let Row { language, size, handler, traffic } = row;
    let [compile, load] = [handler.compile, handler.load].map(|time| time.as_secs_f64() * 1e3);
    let [instance, life] = [handler.instantiate, handler.life].map(|time| time.as_secs_f64() * 1e6);
    println!(
        "{language:<12}{:>9}{compile:>9.0}{load:>8.1}{instance:>9.1}{life:>9.1}{:>9}{:>9.3}{:>9.3}{:>9.0}{:>9.1}",
        size.div_ceil(1024),
        handler.memory.div_ceil(1024),
        traffic.p50,
        traffic.p99,
        traffic.rate,
        traffic.busy_p99,
    );
}
