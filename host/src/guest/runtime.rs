//! What some imports wait in: timers, and calls of file systems that can block.
//!
//! `wasmtime-wasi` would make one of its own when a guest first needs it: threads and
//! descriptors that a process had not before, and threads for hundreds of calls at once.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, EnterGuard};

/// How many calls can block at once. Others wait for them.
const BLOCKING: usize = 8;

/// How long a thread for such calls has nothing to do before it ends.
const IDLE: Duration = Duration::from_secs(1);

/// The runtime of one engine.
pub(super) struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    pub(super) fn start() -> io::Result<Runtime> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(BLOCKING)
            .thread_keep_alive(IDLE)
            .thread_name("imports")
            .enable_all()
            .build()?;
        Ok(Runtime(Some(runtime)))
    }

    /// Has imports wait here that the present thread calls, as long as the guard is kept.
    pub(super) fn enter(&self) -> Option<EnterGuard<'_>> {
        self.0.as_ref().map(tokio::runtime::Runtime::enter)
    }
}

impl Drop for Runtime {
    /// Waits for nothing: a call that blocks may do so for ever.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
