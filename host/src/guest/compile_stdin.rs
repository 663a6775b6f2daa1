//! What a process does that is started to compile one component.

use std::env;
use std::io::{self, Read, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use rustix::process::{
    Resource, Rlimit, Signal, chdir, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::set_no_new_privs;

use super::engine;
use super::load::MAX_COMPONENT;
use crate::background;

/// The exit code for a component that cannot be compiled: sysexits' `EX_DATAERR`.
pub(super) const REFUSED: u8 = 65;

/// Says in the environment that all other processes go first.
pub(super) const GOES_LAST: &str = "PICOHTTP_GOES_LAST";

/// Compiles the component on standard input to standard output, or says on standard error
/// what is wrong with it. A [`Compiler`](crate::Compiler) starts processes that do nothing
/// but this.
///
/// The process gives up what it does not need, and lets all others go first while there are
/// clients to serve. It ends with the thread that has started it.
pub fn compile_stdin() -> ExitCode {
    match compile() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If nobody reads it, nobody wants to know.
            let _ = write!(stderr(), "{error:#}");
            if error.is::<io::Error>() { ExitCode::FAILURE } else { ExitCode::from(REFUSED) }
        }
    }
}

fn compile() -> wasmtime::Result<()> {
    confine()?;
    let mut component = Vec::new();
    stdin().lock().take(MAX_COMPONENT + 1).read_to_end(&mut component)?;
    let compiled = engine::for_compiling()?.precompile_component(&component)?;
    stdout().lock().write_all(&compiled)?;
    Ok(())
}

/// Gives up what no compiler needs: other descriptors than those that are open, and new
/// privileges. How long it may take, and how much memory, the parent says.
fn confine() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_no_new_privs(true)?;
    chdir("/")?;
    if env::var_os(GOES_LAST).is_some() {
        background::go_last();
    }
    for resource in [Resource::Nofile, Resource::Core] {
        setrlimit(resource, Rlimit { current: Some(0), maximum: Some(0) })?;
    }
    Ok(())
}
