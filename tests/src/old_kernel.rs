//! A kernel that lacks a call, as old ones do, or a container that forbids it.

use std::env::consts::ARCH;
use std::thread;

use anyhow::{Result, anyhow, ensure};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

/// The number of `openat2`, on every processor that there are filters for.
const OPENAT2: i64 = 437;

/// Runs a test on a thread to which `openat2` says this error: `NOSYS` as before Linux 5.6, or
/// `PERM`. So it does to the programs that the test starts.
///
/// WASI in this process would not forget that there is no such call, and do without it in other
/// tests, too: a guest on the thread itself needs `PERM`.
pub fn without_openat2(error: Errno, test: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    let refuse = SeccompAction::Errno(error.raw_os_error().unsigned_abs());
    let calls = [(OPENAT2, Vec::new())].into();
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, refuse, ARCH.try_into()?)?;
    let filter = BpfProgram::try_from(filter)?;
    thread::scope(|scope| {
        let tested = scope.spawn(|| {
            apply_filter(&filter)?;
            let opened = openat2(CWD, ".", OFlags::PATH, Mode::empty(), ResolveFlags::empty());
            ensure!(opened.is_err_and(|said| said == error), "openat2 is still there");
            test()
        });
        tested.join().map_err(|_| anyhow!("it panicked"))?
    })
}
