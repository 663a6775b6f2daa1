//! Has large buffers given back to the system as soon as they are free.
//!
//! By default glibc learns from each large buffer that is freed to keep the next one: after
//! a burst of large answers every thread holds some, for good. That saves nothing here: a
//! large answer takes longer to send than its pages to make.

/// From how many bytes on a buffer has pages of its own, and how many that are free at the
/// end of a heap are kept.
#[cfg(target_env = "gnu")]
const LARGE: i32 = 1 << 20;

/// Says so to the allocator.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "std has no way to tell the allocator")]
pub fn give_back_large_buffers() {
    for parameter in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: it takes any numbers, and no other thread is there yet. It returns 0 if it
        // does not care for them, and all is as it was.
        let _ = unsafe { libc::mallopt(parameter, LARGE) };
    }
}

/// Others than glibc have their own ways.
#[cfg(not(target_env = "gnu"))]
pub fn give_back_large_buffers() {}
