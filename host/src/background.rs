//! Long runs in the background: a thread that lets all others go first.
//!
//! Its time is then what others leave, which the kernel gives it in fair parts
//! (`SCHED_IDLE`, see sched(7)). No privilege is needed to retreat so, but one would be
//! to return. So the thread ends with the request that it has at hand, and another
//! takes its place.

use std::cell::Cell;

use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A thread of somebody else's, who did not ask for this.
    Elsewhere,
    Front,
    Background,
}

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Elsewhere) };
}

/// Lets the present thread retreat when it must. Who does this replaces it afterwards.
pub(crate) fn enlist() {
    PLACE.set(Place::Front);
}

/// Lets all other threads go before this one from now on, if it may retreat.
pub(crate) fn retreat() {
    if PLACE.get() == Place::Front {
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let thread = thread_native_id();
        // If it fails, the thread goes on as it is, which is no worse than before.
        if set_thread_priority_and_policy(thread, ThreadPriority::Min, idle).is_ok() {
            PLACE.set(Place::Background);
        }
    }
}

/// Whether the present thread has retreated and must be replaced.
pub(crate) fn has_retreated() -> bool {
    PLACE.get() == Place::Background
}
