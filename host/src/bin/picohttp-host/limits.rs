//! The kernel's limits that serving wants raised, while this process may do that.

use rustix::process::{Resource, Rlimit, geteuid, getpriority_process, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};
use tracing::{debug, warn};

/// What could not be raised.
pub struct Limits {
    descriptors: rustix::io::Result<()>,
    priority: rustix::io::Result<()>,
    was_root: bool,
}

/// Raises them, before this process becomes another user.
pub fn raise() -> Limits {
    let (descriptors, priority) = (raise_descriptors(), raise_priority());
    Limits { descriptors, priority, was_root: geteuid().is_root() }
}

impl Limits {
    /// Logs what could not be raised and is needed, now that this process is who it will be.
    pub fn log(&self) {
        if let Err(error) = self.descriptors {
            warn!(%error, "cannot raise the limit of open files");
        }
        let needs_no_limit =
            capabilities(None).is_ok_and(|own| own.effective.contains(CapabilitySet::SYS_NICE));
        if let Err(error) = self.priority
            && !needs_no_limit
        {
            const SAYS: &str = "handlers to whom other programs leave no processor will notice \
                their deadlines late; LimitNICE=+0, or --ulimit nice=20, mends that";
            // Everybody else may never do it.
            if self.was_root {
                warn!(%error, "{SAYS}");
            } else {
                debug!(%error, "{SAYS}");
            }
        }
    }
}

/// Every client and every file of a guest is a descriptor, and the usual soft limit of
/// 1024 is for programs that use `select`.
fn raise_descriptors() -> rustix::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
}

/// Who went last may go like others again where the limit allows the nice value that this
/// process has; it is 20 less that value (see getrlimit(2)).
fn raise_priority() -> rustix::io::Result<()> {
    let needed = u64::try_from(20 - getpriority_process(None)?).unwrap_or_default();
    let Rlimit { current, maximum } = getrlimit(Resource::Nice);
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    if is_enough(current) {
        return Ok(());
    }
    let maximum = if is_enough(maximum) { maximum } else { Some(needed) };
    setrlimit(Resource::Nice, Rlimit { current: Some(needed), maximum })
}
