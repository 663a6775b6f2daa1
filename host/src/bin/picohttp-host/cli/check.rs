//! What to check.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum, ValueHint};

use super::CompileLimits;
use super::limits::memory;

/// Say what a handler imports, holds and costs, and what is wrong with it; or all that is
/// wrong with a configuration and its handlers
///
/// What is found goes to standard output, and what is wrong and how to mend it, to standard
/// error; as JSON, both are one object on standard output.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  picohttp-host check handler.wasm
  picohttp-host check --config picohttp.toml --format json

Exit codes: 0 if nothing is wrong, 1 if something is, 2 for a wrong command line.")]
#[command(group(ArgGroup::new("checked").args(["handler", "config"]).required(true)))]
pub struct Check {
    /// The handler: a .wasm file, or a folder with a Cargo.toml
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub handler: Option<PathBuf>,

    /// Check what this file says
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
          conflicts_with_all = ["compile_timeout", "compile_memory"])]
    pub config: Option<PathBuf>,

    /// Take handlers that are compiled already; see the help of serving
    #[arg(long)]
    pub allow_precompiled: bool,

    /// How the result is written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ReportFormat,

    /// How much memory an instance may have, all its memories together
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = memory,
          conflicts_with = "config", help_heading = "Limits")]
    pub max_memory: usize,

    #[command(flatten)]
    pub compile_limits: CompileLimits,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ReportFormat {
    /// For people
    Text,
    /// A JSON object
    Json,
}
