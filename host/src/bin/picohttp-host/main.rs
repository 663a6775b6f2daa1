//! The command: what was typed becomes a plan, an engine and a server, until a signal
//! comes.

mod check;
mod cli;
mod log;
mod plan;
mod progress;
mod reload;
mod server;
mod watch;

use std::io::{Write, stderr};
use std::process::{ExitCode, exit};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use picohttp_host::config::Plan;
use picohttp_host::{Cache, Deployer, Engine, EngineOptions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{error, info, warn};

use cli::{Command, Options, Serve};
use reload::Reloader;

fn main() -> ExitCode {
    let options = Options::parse();
    let _log = log::start(options.level());
    let result = match &options.command {
        Some(Command::Check { config }) => check::check(config),
        None => serve(&options.serve, options.quiet == 0),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Serve, announce: bool) -> Result<ExitCode> {
    raise_descriptor_limit();
    let plan = plan::of(options)?;
    let cache = if options.no_cache { Cache::none() } else { cache_of(&plan) };
    let deployer = Deployer::new(engine(&plan)?, cache.clone());
    // Before anything is loaded: a change from then on counts.
    let changes = if options.watch { Some(watch::watch(&plan)?) } else { None };
    let loaded = deployer.tenants(&plan, progress::show(announce));
    let tenants = loaded.map_err(|errors| match errors.errors() {
        // Where there is but one handler, nobody need be told which.
        [only] if options.config.is_none() => anyhow!("{}", only.cause),
        _ => errors.into(),
    })?;
    // Until now a signal ends the process, as it should while handlers are built.
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("cannot catch signals")?;
    let timeout = plan.server.shutdown_timeout;
    let server = Arc::new(server::start(&plan.server, tenants, &cache, options.config.is_some())?);
    let announcement = server::announcement(&plan.server, &server);
    let reloads = Reloader::start(options.clone(), plan, deployer, Arc::clone(&server), changes)?;
    if announce {
        say(&announcement);
    }
    let signal = signals.forever().find(|&signal| match signal {
        SIGHUP => {
            if let Err(error) = server.reopen_access_log() {
                error!(%error, "cannot open the access log again");
            }
            reloads.ask();
            false
        }
        _ => true,
    });
    info!(signal, connections = server.connections(), "stopping");
    thread::spawn(move || {
        if let Some(signal) = signals.forever().find(|&signal| signal != SIGHUP) {
            exit(signal.saturating_add(128));
        }
    });
    match server.stop(timeout) {
        0 => {}
        cut => warn!(connections = cut, "cut off at the shutdown timeout"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The most that any instance can have: memories are 32-bit.
const MAX_MEMORY: usize = 4 << 30;

fn engine(plan: &Plan) -> Result<Engine> {
    let options = EngineOptions {
        instances: u32::try_from(plan.server.max_concurrent_requests).unwrap_or(u32::MAX),
        // Each route has a bound of its own, and room that is only reserved costs nothing.
        max_memory: MAX_MEMORY,
        ..EngineOptions::default()
    };
    Engine::new(&options).map_err(|error| anyhow!("cannot start the engine: {error:#}"))
}

fn cache_of(plan: &Plan) -> Cache {
    match &plan.server.cache_dir {
        Some(folder) => Cache::in_folder(folder),
        None => Cache::of_user(),
    }
}

/// Every client and every file of a guest is a descriptor, and the usual soft limit of
/// 1024 is for programs that use `select`.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        warn!(%error, "cannot raise the limit of open files");
    }
}

/// Says something to the operator; if standard error is closed, there is nobody to say
/// it to.
fn say(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}
