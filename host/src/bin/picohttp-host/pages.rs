//! What is made of the definition of the command line: completions, and manual pages.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{cli, print};

/// Prints what a shell completes the command line with.
pub fn completions(shell: Shell) -> Result<ExitCode> {
    let mut command = cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    print(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page of the program, or of one of its commands.
pub fn manual(name: Option<&str>) -> Result<ExitCode> {
    let mut program = cli::command();
    // Only then the names of commands begin with that of the program.
    program.build();
    let command = match name {
        Some(name) => {
            program.find_subcommand(name).with_context(|| format!("there is no command {name}"))?
        }
        None => &program,
    };
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    print(&page)?;
    Ok(ExitCode::SUCCESS)
}
