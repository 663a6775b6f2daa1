//! Threads that let all others go first.
//!
//! Their time is what others leave, which the kernel gives them in fair parts
//! (`SCHED_IDLE`, see sched(7)). No privilege is needed to retreat so, but one would be
//! to return. Some threads do nothing else; and one whose handler runs for long retreats
//! with it, ends when that is over, and is replaced.

use std::cell::Cell;

use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

use crate::admission::Place;

thread_local! {
    /// Where the present thread is, if it is one that may retreat: not one of somebody
    /// else's, who did not ask for this.
    static PLACE: Cell<Option<Place>> = const { Cell::new(None) };
}

/// Lets the present thread retreat when it must. Who does this replaces it afterwards.
pub(crate) fn enlist() {
    PLACE.set(Some(Place::Front));
}

/// Lets all other threads go before this one from now on, if it may retreat.
pub(crate) fn retreat() {
    if PLACE.get() == Some(Place::Front) {
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        // If it fails, the thread goes on as it is, which is no worse than before.
        if set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).is_ok() {
            PLACE.set(Some(Place::Background));
        }
    }
}

/// Where the present thread is.
pub(crate) fn place() -> Place {
    PLACE.get().unwrap_or(Place::Front)
}
