//! Which [`Fault`] an error out of `wasmtime` is.

use std::fmt::Write;
use std::io;

use rustix::io::Errno;
use wasmtime::{Error, PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::Profile;
use super::component::OutOfTime;
use super::state::State;
use crate::{Fault, Limit};

/// Longest account of a trap that is kept, in bytes: it names the guest's functions.
const MAX_MESSAGE: usize = 2 << 10;

/// How `wasmtime` says that the host was made to copy too much. The error has no public
/// type.
const COPIED_TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";

/// Why an instance could not be made or did not answer.
pub(super) fn of(error: &Error, state: &State) -> Fault {
    let Profile { sandbox, .. } = state.profile.as_ref();
    if let Some(limit) = lacking(error) {
        return Fault::no_room(limit);
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Fault::Trap(format!("exited with code {} instead of answering", exit.0));
    }
    if error.is::<OutOfTime>() {
        return Fault::CpuTime(sandbox.cpu_time.unwrap_or_default());
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => return Fault::Timeout(sandbox.timeout),
        Some(Trap::StackOverflow) => return Fault::Trap("call stack exhausted".to_owned()),
        _ => {}
    }
    if is_response_too_large(error) {
        let limit = sandbox.max_response;
        return Fault::ResponseTooLarge(format!(
            "the response is too large to be copied, and max_response_size is {limit}"
        ));
    }
    if let Some(refusal) = state.meter.refused() {
        let message = format!("{refusal}: {}", message(error));
        return Fault::OutOfMemory { limit: refusal.limit(), message };
    }
    Fault::Trap(message(error))
}

/// What there was too little of at this moment, if that was it.
fn lacking(error: &Error) -> Option<Limit> {
    if let Some(&limit) = error.downcast_ref::<Limit>() {
        return Some(limit);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Some(Limit::Instances);
    }
    let errno = error.chain().find_map(|cause| match cause.downcast_ref::<io::Error>() {
        Some(error) => Errno::from_io_error(error),
        None => cause.downcast_ref::<Errno>().copied(),
    })?;
    shortage(errno)
}

/// What the system has too little of at this moment, if that is what this means.
pub(super) fn shortage(errno: Errno) -> Option<Limit> {
    match errno {
        Errno::NOMEM => Some(Limit::SystemMemory),
        Errno::MFILE | Errno::NFILE => Some(Limit::OpenFiles),
        _ => None,
    }
}

/// Whether it was the response that the host did not copy. While an import's arguments
/// are copied the guest is on the stack, and the error says where.
fn is_response_too_large(error: &Error) -> bool {
    !error.is::<WasmBacktrace>() && error.root_cause().to_string().ends_with(COPIED_TOO_MUCH)
}

/// What happened, and then where in the guest.
fn message(error: &Error) -> String {
    let mut message = error.root_cause().to_string();
    for (depth, frame) in
        error.downcast_ref::<WasmBacktrace>().iter().flat_map(|trace| trace.frames()).enumerate()
    {
        // Writing to a String cannot fail.
        let _ = match (depth, frame.func_name()) {
            (0, Some(name)) => write!(message, " in {name}"),
            (0, None) => write!(message, " in function {}", frame.func_index()),
            (_, Some(name)) => write!(message, " < {name}"),
            (_, None) => write!(message, " < {}", frame.func_index()),
        };
    }
    message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_has_too_little_of_is_no_fault_of_the_guests() {
        let error = |errno: Errno| Error::from(io::Error::from(errno)).context("cannot map");
        assert_eq!(lacking(&error(Errno::MFILE)), Some(Limit::OpenFiles));
        assert_eq!(lacking(&Error::from(Errno::NOMEM)), Some(Limit::SystemMemory));
        assert_eq!(lacking(&Error::from(Limit::TotalMemory)), Some(Limit::TotalMemory));
        assert_eq!(lacking(&error(Errno::NOENT)), None);
        assert_eq!(lacking(&Error::from(Trap::Interrupt)), None);
    }
}
