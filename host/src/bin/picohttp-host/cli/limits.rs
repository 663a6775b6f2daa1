//! What a handler may take, and its compiler.

use std::time::Duration;

use clap::Args;
use picohttp_host::config::units::{MEMORY, duration, size, size_within};

/// What a handler may take for a request.
#[derive(Args, Clone, Debug)]
pub struct Limits {
    /// How long the handler may take for a request
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration,
          help_heading = "Limits")]
    pub timeout: Duration,

    /// How long a processor may be busy with a request [default: as long as it takes]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Limits")]
    pub cpu_time: Option<Duration>,

    /// How much memory an instance may have, all its memories together
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = memory,
          help_heading = "Limits")]
    pub max_memory: usize,

    /// The largest request body
    #[arg(long, value_name = "SIZE", default_value = "10MiB", value_parser = size,
          help_heading = "Limits")]
    pub max_body_size: usize,

    /// The largest response
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = size,
          help_heading = "Limits")]
    pub max_response_size: usize,
}

/// A size that the memory of an instance can have.
pub fn memory(text: &str) -> Result<usize, String> {
    size_within(text, &MEMORY)
}

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
