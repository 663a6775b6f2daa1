//! What the whole process uses, by the names that Prometheus' own clients give it.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use rustix::process::{Resource, getrlimit};

use super::page::gauge;
use crate::cpu_time::process_clock;

/// How much of this process is in RAM, in bytes, if that can be known.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kibibytes.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

/// How many descriptors it has, if that can be known.
fn open_descriptors() -> Option<usize> {
    // One of them is for looking.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1))
}

#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let text = "User and system CPU time, in seconds";
        encoder
            .encode_descriptor("process_cpu_seconds", text, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&process_clock().as_secs_f64(), None)?;
        if let Some(bytes) = resident_bytes() {
            gauge(&mut encoder, "process_resident_memory_bytes", "Resident memory", bytes)?;
        }
        if let Some(count) = open_descriptors() {
            gauge(&mut encoder, "process_open_fds", "Open file descriptors", count)?;
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            gauge(&mut encoder, "process_max_fds", "Limit of open file descriptors", most)?;
        }
        Ok(())
    }
}
