//! `wasi:logging`: what a guest says with a level goes to the log as its output does.

use std::fmt;

use wasmtime::component::{ComponentType, Lift, Linker, WasmStr};
use wasmtime::{Result, StoreContextMut};

use super::output::MAX_LINE;
use super::state::State;
use crate::text::cut;

/// As it is published, and as it was before it had a version.
pub(super) const INTERFACES: [&str; 2] =
    ["wasi:logging/logging@0.1.0-draft", "wasi:logging/logging"];

/// How much of a context is logged, in bytes.
const MAX_CONTEXT: usize = 256;

/// `wasi:logging/logging.level`.
#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "guests make them")]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Critical => "critical",
        })
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    for interface in INTERFACES {
        linker.instance(interface)?.func_wrap("log", log)?;
    }
    Ok(())
}

/// Logs one message, as one line. How long it can be is bounded by what may be copied out of the
/// guest, of which no more is than is logged.
fn log(
    mut store: StoreContextMut<'_, State>,
    (level, context, message): (Level, WasmStr, WasmStr),
) -> Result<()> {
    let (context, message) = (context.to_str(&store)?, message.to_str(&store)?);
    let (context, kept) = (cut(&context, MAX_CONTEXT), cut(&message, MAX_LINE));
    let line = match context {
        "" => format!("{level}: {kept}"),
        context => format!("{level} {context}: {kept}"),
    };
    let left_out = message.len() - kept.len();
    drop(message);
    store.data_mut().log(&line, left_out);
    Ok(())
}
