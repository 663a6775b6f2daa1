//! When something must be over.

use std::time::{Duration, Instant};

/// `base` after `more`, or as far as the clock goes.
pub(crate) fn after(base: Instant, more: Duration) -> Instant {
    base.checked_add(more).unwrap_or_else(|| base + Duration::from_secs(1 << 30))
}
