//! How many processors there are.

use std::num::NonZero;
use std::thread;

/// How many threads can be at work at once, within the process's affinity and its cgroup's
/// quota; 1 if that is not known.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}
