//! Whose the last descriptors of this process are.
//!
//! The lowest that is free is given out, so its number says how many are in use. The last quarter is
//! not for guests, and the very last are for the host alone: it must open its logs again, read what
//! it serves, start a compiler or the process that takes its place, however many clients there are.

use std::os::fd::AsRawFd;

use rustix::event::{EventfdFlags, eventfd};
use rustix::process::{Resource, getrlimit};

/// What part of all that there may be is not for guests.
const FOR_OTHERS: u64 = 4;

/// How many, or what part of few, are for the host.
const FOR_HOST: u64 = 32;
const PART_FOR_HOST: u64 = 16;

/// Whether this one is not for guests.
pub(crate) fn is_for_others(file: &impl AsRawFd) -> bool {
    is_above(file, |limit| limit - limit / FOR_OTHERS)
}

/// Whether this one is neither for guests nor for clients.
pub(crate) fn is_for_host(file: &impl AsRawFd) -> bool {
    is_above(file, first_for_host)
}

/// Whether one is left for guests.
pub(crate) fn are_left_for_guests() -> bool {
    next().is_some_and(|next| !is_for_others(&next))
}

/// Whether one is left for clients.
pub(crate) fn are_left_for_clients() -> bool {
    next().is_some_and(|next| !is_for_host(&next))
}

fn first_for_host(limit: u64) -> u64 {
    limit - FOR_HOST.min(limit / PART_FOR_HOST)
}

/// The cheapest descriptor there is: another one would have its number.
fn next() -> Option<impl AsRawFd> {
    eventfd(0, EventfdFlags::CLOEXEC).ok()
}

/// Whether the number is not below the one that is made of their limit.
fn is_above(file: &impl AsRawFd, first: impl FnOnce(u64) -> u64) -> bool {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return false };
    u64::try_from(file.as_raw_fd()).is_ok_and(|number| number >= first(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_the_hosts() {
        assert_eq!([0, 8, 64, 256, 1024, 20_000].map(first_for_host), [0, 8, 60, 240, 992, 19_968]);
    }
}
