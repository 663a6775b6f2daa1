//! What to begin.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

/// Begin a handler: a folder that builds, and that can be served
///
/// It says which commands are next, and which tools are missing for them. In Rust, JavaScript,
/// TypeScript, Python, Go and Zig it has tests, too. In Rust it needs the SDK, which is in the folder
/// guest-sdk of this project.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  picohttp-host new hello
  picohttp-host new greeter --lang python

Exit codes: 0 if it is there, 1 if it cannot be made, 2 for a wrong command line.")]
pub struct New {
    /// The folder, which is made; its last part is the handler's name
    #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,

    /// What it is written in
    #[arg(short, long, value_name = "LANGUAGE", default_value = "rust")]
    pub lang: Language,

    /// With Rust: where the SDK is [default: where it was when this program was built]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub sdk: Option<PathBuf>,
}

/// What a handler is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    Rust,
    Js,
    Ts,
    Python,
    Go,
    C,
    Cpp,
    Zig,
}
