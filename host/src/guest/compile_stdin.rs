//! What a process does that is started to compile one component.

use std::env;
use std::fs;
use std::io::{self, Read, Write, stderr, stdin, stdout};
use std::process::ExitCode;

use rayon::{ThreadPool, ThreadPoolBuilder};
use rustix::process::{
    Resource, Rlimit, Signal, chdir, getrlimit, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::set_no_new_privs;

use super::engine;
use super::load::MAX_COMPONENT;
use crate::background;

/// The exit code for a component that cannot be compiled: sysexits' `EX_DATAERR`.
pub(super) const REFUSED: u8 = 65;

/// Says in the environment that all other processes go before what compiles.
pub(super) const GOES_LAST: &str = "PICOHTTP_GOES_LAST";

/// Says in the environment how much address space the process may have, in bytes.
pub(super) const MEMORY: &str = "PICOHTTP_COMPILE_MEMORY";

/// What it says if there is no memory for its threads.
pub(super) const NO_THREADS: &str = "there are no threads";

/// How much stack each of them has.
const STACK: usize = 8 << 20;

/// Compiles the component on standard input to standard output, or says on standard error
/// what is wrong with it. A [`Compiler`](crate::Compiler) starts processes that do nothing
/// but this.
///
/// The process gives up what it does not need, and lets all others go first if it is told to.
/// It ends with the thread that has started it, and has no other use for SIGALRM.
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
    let compile = || engine::for_compiling()?.precompile_component(&component);
    let compiled = threads()?.install(compile)?;
    let mut output = stdout().lock();
    output.write_all(&compiled)?;
    // At the exit nobody would be told that the rest cannot be written.
    output.flush()?;
    Ok(())
}

/// The threads that compile. Their stacks are there from the beginning: that of the first thread
/// grows, and where it may not the process dies without a word.
fn threads() -> io::Result<ThreadPool> {
    let goes_last = env::var_os(GOES_LAST).is_some();
    if goes_last {
        background::begin_process()?;
    }
    let begin = move |_| {
        if goes_last {
            // If it cannot be, others have less, but what they had without this.
            let _ = background::go_last();
        }
    };
    let threads = ThreadPoolBuilder::new().stack_size(STACK).start_handler(begin).build();
    threads.map_err(|error| io::Error::other(format!("{NO_THREADS}: {error}")))
}

/// Gives up what no compiler needs: to open more descriptors, to gain privileges, and more memory
/// than it is given. How long it may take, the parent says.
fn confine() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_no_new_privs(true)?;
    chdir("/")?;
    // Where memory runs out the kernel ends this process before any other. Where files are out of
    // reach it cannot be told so.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    // The parent could set it while libraries are still being loaded, which then die without a
    // word.
    if let Ok(most) = env::var(MEMORY) {
        let most: u64 = most.parse().map_err(io::Error::other)?;
        let most = getrlimit(Resource::As).maximum.map_or(most, |maximum| maximum.min(most));
        setrlimit(Resource::As, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    for resource in [Resource::Core, Resource::Nofile, Resource::Nice] {
        setrlimit(resource, Rlimit { current: Some(0), maximum: Some(0) })?;
    }
    Ok(())
}
