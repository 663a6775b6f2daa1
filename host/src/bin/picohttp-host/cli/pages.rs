//! What is printed of the command line itself.

use clap::Args;
use clap_complete::Shell;

/// Print what a shell completes the command line with
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  picohttp-host completions bash > ~/.local/share/bash-completion/completions/picohttp-host
  picohttp-host completions zsh > ~/.zfunc/_picohttp-host
  picohttp-host completions fish > ~/.config/fish/completions/picohttp-host.fish")]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

/// Print the manual page, of the program or of one of its commands
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  picohttp-host man > ~/.local/share/man/man1/picohttp-host.1
  picohttp-host man call | man -l -")]
pub struct Manual {
    /// One of the commands
    pub command: Option<String>,
}
