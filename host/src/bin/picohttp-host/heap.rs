//! Has what large answers took given back to the system.
//!
//! By default glibc learns from each large buffer that is freed to keep the next one, has
//! heaps for eight times as many threads as can run, and keeps whatever was free between two
//! things that are not: after a burst of large answers, a hundred megabytes for good. That
//! saves nothing here. A large answer takes longer to send than its pages to make, and no
//! more threads are at work than there are processors.

/// How many bytes may be free and yet kept.
#[cfg(target_env = "gnu")]
const MUCH: usize = 1 << 20;

/// How often what is free is counted.
#[cfg(target_env = "gnu")]
const LOOK: std::time::Duration = std::time::Duration::from_secs(1);

/// From how many bytes on a buffer has pages of its own, and how many that are free at the
/// end of a heap are kept.
#[cfg(target_env = "gnu")]
const LARGE: i32 = 1 << 20;

/// Says so to the allocator, before there is any other thread.
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

/// Gives back what is free, now and then and if it is much, on a thread of its own.
#[cfg(target_env = "gnu")]
pub fn give_back() -> std::io::Result<()> {
    let watch = || {
        // What was given back is still counted as free.
        let mut given_back = 0;
        loop {
            std::thread::sleep(LOOK);
            let free = free();
            if free > MUCH && free != given_back {
                trim();
                given_back = self::free();
            }
        }
    };
    std::thread::Builder::new().name("heap".to_owned()).spawn(watch).map(drop)
}

/// How many bytes are free in all heaps.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "std has no way to ask the allocator")]
fn free() -> usize {
    // SAFETY: it may be called at any time, by any thread.
    let counts = unsafe { libc::mallinfo() };
    // From 2 GiB on it is wrong, and much.
    usize::try_from(counts.fordblks).unwrap_or(usize::MAX)
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "std has no way to ask the allocator")]
fn trim() {
    // SAFETY: it may be called at any time, by any thread, with any number.
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Others than glibc have their own ways.
#[cfg(not(target_env = "gnu"))]
pub fn keep_little() {}

/// Others than glibc have their own ways.
#[cfg(not(target_env = "gnu"))]
pub fn give_back() -> std::io::Result<()> {
    Ok(())
}
