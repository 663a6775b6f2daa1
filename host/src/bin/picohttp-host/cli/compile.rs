//! What to compile.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::CompileLimits;

/// Compile a handler for machines like this one, to be served with --allow-precompiled
///
/// The file can be served without compiling, by the same version of this program on a
/// processor that can do all that this one can; any other refuses it. It is machine code:
/// give it only to those who would run any program of yours.
///
/// There is no need for it on one machine: what was served once is kept compiled.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  picohttp-host compile handler.wasm -o handler.cwasm
  picohttp-host --allow-precompiled handler.cwasm

Exit codes: 0 if it is written, 1 if it cannot be a handler or not be written, 2 for a wrong
command line.")]
pub struct Compile {
    /// The handler: a .wasm file, or a folder with a Cargo.toml
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub handler: PathBuf,

    /// Where the compiled handler is written
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,

    #[command(flatten)]
    pub compile_limits: CompileLimits,
}
