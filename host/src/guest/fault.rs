//! Which [`Fault`] an error out of `wasmtime` is.

use wasmtime::{PoolConcurrencyLimitError, Trap};
use wasmtime_wasi::I32Exit;

use super::meter::Meter;
use crate::Fault;

/// Longest account of a trap that is kept, in bytes: it can quote the guest.
const MAX_MESSAGE: usize = 2 << 10;

/// Why an instance could not be made or did not answer.
pub(super) fn of(error: &wasmtime::Error, meter: &Meter) -> Fault {
    if error.is::<PoolConcurrencyLimitError>() {
        return Fault::Overloaded;
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Fault::Trap(format!("exited with code {} instead of answering", exit.0));
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => return Fault::Timeout,
        Some(Trap::StackOverflow) => return Fault::Trap("call stack exhausted".to_owned()),
        _ => {}
    }
    if meter.refused() {
        return Fault::OutOfMemory(message(error));
    }
    Fault::Trap(message(error))
}

/// The chain of causes, innermost last, on one line.
fn message(error: &wasmtime::Error) -> String {
    let mut message = super::output::escape(format!("{error:#}").as_bytes());
    let end = (0..=MAX_MESSAGE).rev().find(|&end| message.is_char_boundary(end));
    message.truncate(end.unwrap_or_default());
    message
}
