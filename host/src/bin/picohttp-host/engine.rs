//! What handlers are compiled and run with, and where what is compiled is kept.

use std::collections::HashSet;

use anyhow::{Result, anyhow};
use picohttp_host::config::Plan;
use picohttp_host::config::units::MEMORY;
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
    let options = EngineOptions {
        instances: u32::try_from(plan.server.max_concurrent_requests).unwrap_or(u32::MAX),
        components: u32::try_from(sources(plan)).unwrap_or(u32::MAX),
        // Each route has a bound of its own, and room that is only reserved costs nothing.
        max_memory: *MEMORY.end(),
        ..EngineOptions::default()
    };
    let engine = Engine::new(&options);
    let engine = engine.map_err(|error| anyhow!("cannot start the engine: {error:#}"))?;
    Ok(engine.compiler(Compiler::command(PROGRAM, [COMPILE], plan.server.compile)))
}

/// How many different handlers there are.
fn sources(plan: &Plan) -> usize {
    let routes = plan.routes();
    routes.map(|route| &route.source).collect::<HashSet<_>>().len()
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
