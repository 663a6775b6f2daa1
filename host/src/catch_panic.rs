//! Keeps a panic to what it happened in.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs something. If it panics, that goes no further, and the text is returned.
pub(crate) fn catch_panic<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
    })
}
