//! Has what large answers took given back to the system as soon as it is free.
//!
//! By default glibc learns from each large buffer that is freed to keep the next one, and
//! has heaps for eight times as many threads as can run: after a burst of large answers each
//! holds some, for good. That saves nothing here: a large answer takes longer to send than
//! its pages to make, and no more threads are at work than there are processors.

/// From how many bytes on a buffer has pages of its own, and how many that are free at the
/// end of a heap are kept.
#[cfg(target_env = "gnu")]
const LARGE: i32 = 1 << 20;

/// Says so to the allocator.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "std has no way to tell the allocator")]
pub fn keep_little() {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let heaps = i32::try_from(processors.max(2)).unwrap_or(i32::MAX);
    for (parameter, value) in [
        (libc::M_MMAP_THRESHOLD, LARGE),
        (libc::M_TRIM_THRESHOLD, LARGE),
        (libc::M_ARENA_MAX, heaps),
    ] {
        // SAFETY: it takes any numbers, and no other thread is there yet. It returns 0 if it
        // does not care for them, and all is as it was.
        let _ = unsafe { libc::mallopt(parameter, value) };
    }
}

/// Others than glibc have their own ways.
#[cfg(not(target_env = "gnu"))]
pub fn keep_little() {}
