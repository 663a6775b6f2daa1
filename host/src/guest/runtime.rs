//! What some imports wait in: timers. Nothing else is done on its thread.
//!
//! `wasmtime-wasi` would make one of its own when a guest first needs it: threads and
//! descriptors that a process had not before.

use std::io;

use tokio::runtime::{Builder, EnterGuard};

/// The runtime of one engine.
pub(super) struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    pub(super) fn start() -> io::Result<Runtime> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(1)
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
    /// Waits for nothing.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
