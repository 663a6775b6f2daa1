//! How handlers are compiled: each in a process of its own, which is this program again.

use picohttp_host::config::ServerPlan;
use picohttp_host::{CompileLimits, Compiler};

/// The program that runs, even if another is where it was started from.
const PROGRAM: &str = "/proc/self/exe";

/// What has the program compile one component; see `cli::Command`.
const COMMAND: &str = "compile-stdin";

/// Compiles within the limits of a plan.
pub fn compiler(plan: &ServerPlan) -> Compiler {
    let limits = CompileLimits { time: plan.compile_timeout, memory: plan.compile_memory as u64 };
    Compiler::command(PROGRAM, [COMMAND], limits)
}
