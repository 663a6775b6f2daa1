//! What a process group has used, by the kernel's account.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Pid;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time, of processes that have ended and were waited for too.
    pub cpu: Duration,
    /// The largest resident size that each living process has had, in sum. Pages that
    /// processes share are counted for each.
    pub peak_kib: u64,
}

/// The unit of times in `/proc`: USER_HZ, which is 100 wherever Rust's std runs on Linux.
const TICK: Duration = Duration::from_millis(10);

/// The usage of all processes of a group.
pub fn of_group(group: Pid) -> Result<Usage> {
    let mut usage = Usage::default();
    for entry in fs::read_dir("/proc")? {
        let folder = entry?.path();
        // A process may end while it is read, and most entries are not of this group.
        let Ok(stat) = fs::read_to_string(folder.join("stat")) else { continue };
        let Some((_, cpu)) = parse(&stat).filter(|(of, _)| *of == group.as_raw_nonzero().get())
        else {
            continue;
        };
        usage.cpu += cpu;
        usage.peak_kib += peak_kib(&fs::read_to_string(folder.join("status"))?)?;
    }
    Ok(usage)
}

/// The group and the time of a process, from a line of `/proc/PID/stat`.
fn parse(stat: &str) -> Option<(i32, Duration)> {
    // The second field is the program's name, in parentheses and with anything in it.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let group = fields.get(2)?.parse().ok()?;
    // utime, stime, and those of children.
    let ticks = fields.get(11..15)?.iter().map(|ticks| ticks.parse::<u32>());
    Some((group, TICK * ticks.sum::<Result<u32, _>>().ok()?))
}

fn peak_kib(status: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    // A process that has ended and waits to be waited for has no memory.
    let Some(line) = line else { return Ok(0) };
    line.trim().trim_end_matches(" kB").parse().context("VmHWM is not a number")
}
