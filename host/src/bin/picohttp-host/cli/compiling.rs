//! What compiling a handler may take, and where what comes of it is kept.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use picohttp_host::config::units::{duration, size};

/// What compiling a handler may take.
#[derive(Args, Clone, Debug)]
pub struct CompileLimits {
    /// How long the handler may take to compile, and a second more for every 256 KiB of it; on
    /// busy processors up to four times as long
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration,
          help_heading = "Limits")]
    pub compile_timeout: Duration,

    /// How much address space the compiler may have
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size,
          help_heading = "Limits")]
    pub compile_memory: usize,
}

/// Where compiled handlers are kept, and which are believed.
#[derive(Args, Clone, Debug)]
pub struct Keeping {
    /// Compile the handler at every start instead of keeping it compiled
    #[arg(long)]
    pub no_cache: bool,

    /// Keep compiled handlers here [default: ~/.cache/picohttp-host]; up to 2 GiB, then those
    /// go that were used longest ago
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_cache")]
    pub cache_dir: Option<PathBuf>,

    /// Load handlers that are compiled already (`compile`), too. They are machine code that
    /// nobody can check, and no sandbox holds it: whoever can write one of these files can do
    /// all that this process can
    #[arg(long)]
    pub allow_precompiled: bool,
}
