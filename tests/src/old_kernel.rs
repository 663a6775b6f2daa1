//! A kernel that lacks a call, as old ones and many containers do.

use std::env::consts::ARCH;
use std::thread;

use anyhow::{Result, anyhow};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

/// The number of `openat2`, on every processor.
const OPENAT2: i64 = 437;

/// `ENOSYS`: there is no such call.
const NO_SUCH_CALL: u32 = 38;

/// Runs a test on a thread that knows no `openat2`, as before Linux 5.6. Nor do the programs
/// know one that the test starts.
pub fn without_openat2(test: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    let refuse = SeccompAction::Errno(NO_SUCH_CALL);
    let calls = [(OPENAT2, Vec::new())].into();
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, refuse, ARCH.try_into()?)?;
    let filter = BpfProgram::try_from(filter)?;
    thread::scope(|scope| {
        let tested = scope.spawn(|| {
            apply_filter(&filter)?;
            test()
        });
        tested.join().map_err(|_| anyhow!("it panicked"))?
    })
}
