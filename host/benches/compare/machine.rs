//! What was measured on, and what was measured, by name and version.

use std::fs;
use std::thread;

use crate::servers::{Server, version};

pub fn print(servers: &[(&'static Server, String)], wrk: &str) {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let unknown = || "unknown".to_owned();
    println!(
        "\n{cores} cores of {}; {}; Linux {}; {}",
        field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
        memory().unwrap_or_else(unknown),
        version("uname", &["-r"]).unwrap_or_else(unknown),
        field("/etc/os-release", "PRETTY_NAME").unwrap_or_else(unknown).trim_matches('"'),
    );
    for (server, version) in servers {
        println!("{:<22} {}; {version}", server.name, server.about);
    }
    println!("{:<22} {wrk}", "load");
    if let Ok(most) = fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max") {
        println!(
            "The kernel tracks connections, {} at the most, and drops the packets of others: where \
             each request has one of its own, some may be lost.",
            most.trim()
        );
    }
}

fn memory() -> Option<String> {
    let kib: f64 = field("/proc/meminfo", "MemTotal")?.trim_end_matches(" kB").parse().ok()?;
    Some(format!("{:.0} GiB of memory", kib / f64::from(1 << 20)))
}

/// The value of the first line with this name, as `NAME: VALUE` or `NAME=VALUE`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim_start_matches([' ', '\t', ':', '=']).trim().to_owned())
}
