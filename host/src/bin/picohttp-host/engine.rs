//! What handlers are compiled and run with, and where what is compiled is kept.

use anyhow::Result;
use picohttp_host::config::Plan;
use picohttp_host::{Cache, Compiler, Engine, EngineOptions};

use crate::cli::Keeping;
use crate::confine::User;

/// The program that runs, even if another is where it was started from. It compiles each
/// component in a process of its own.
const PROGRAM: &str = "/proc/self/exe";

/// What has it do that, as its only argument.
pub const COMPILE: &str = "compile-stdin";

/// The engine of a plan.
pub fn engine(plan: &Plan) -> Result<Engine> {
    Ok(Engine::new(&EngineOptions::of_plan(plan))?.compiler(Compiler::command(
        PROGRAM,
        [COMPILE],
        plan.server.compile,
    )))
}

/// Where compiled handlers are kept, if they are to be.
pub fn cache(plan: &Plan, keeping: &Keeping, user: Option<&User>) -> Cache {
    if keeping.no_cache { Cache::none() } else { cache_of(plan, user) }
}

/// Where compiled handlers are kept: by the user that this process has become, if it has.
pub fn cache_of(plan: &Plan, user: Option<&User>) -> Cache {
    match (&plan.server.cache_dir, user) {
        (Some(folder), _) => Cache::in_folder(folder),
        (None, Some(user)) => Cache::in_folder(user.home.join(".cache/picohttp-host")),
        (None, None) => Cache::of_user(),
    }
}
