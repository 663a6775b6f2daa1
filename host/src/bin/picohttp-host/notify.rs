//! Tells the service manager how it goes, if there is one (`NOTIFY_SOCKET`).

use rustix::process::Pid;
use sd_notify::NotifyState;
use tracing::warn;

/// Clients are served.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Clients are served while something changes, until [`ready`].
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "no clock for the service manager"),
    }
}

/// No new clients are served.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Another process is the service from now on.
pub fn replaced_by(process: Pid) {
    notify(&[NotifyState::MainPid(process.as_raw_nonzero().get().unsigned_abs())]);
}

fn notify(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "cannot tell the service manager");
    }
}
