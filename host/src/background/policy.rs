//! Which threads the kernel lets go last (sched(7)).

use std::io;
use std::thread;

use rustix::thread::{Pid, gettid};

/// Lets all other threads go before the present one from now on. No privilege is needed for
/// this.
pub(super) fn set_idle_policy() -> io::Result<()> {
    set(gettid(), libc::SCHED_IDLE)?;
    // The kernel looks who goes first when a thread begins to wait for a processor. Those who
    // wait already would do so until its next tick.
    thread::yield_now();
    Ok(())
}

/// Lets a thread go like any other again.
///
/// # Errors
///
/// This process may not: neither has it the capability `CAP_SYS_NICE`, nor does its limit
/// `RLIMIT_NICE` allow the nice value that it has (it must be 20 less that value).
pub(super) fn set_normal_policy(thread: Pid) -> io::Result<()> {
    set(thread, libc::SCHED_OTHER)
}

#[expect(unsafe_code, reason = "no library sets it for another thread by the kernel's number")]
fn set(thread: Pid, policy: libc::c_int) -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel reads the parameters, which are there, and changes no memory.
    let set =
        unsafe { libc::sched_setscheduler(thread.as_raw_nonzero().get(), policy, &parameters) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
