//! The command: what was typed becomes a plan, an engine and a server, until a signal
//! comes.

mod check;
mod cli;
mod events;
mod log;
mod notify;
mod plan;
mod progress;
mod reload;
mod restart;
mod server;
mod sockets;
mod watch;

use std::collections::HashSet;
use std::io::{Write, stderr};
use std::process::{ExitCode, exit};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow};
use clap::Parser;
use picohttp_host::config::Plan;
use picohttp_host::{Cache, Deployer, Engine, EngineOptions};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{error, info, warn};

use cli::{Command, Options, Serve};
use events::Event;
use reload::Reloader;
use restart::Restarter;
use sockets::Sockets;

fn main() -> ExitCode {
    let options = Options::parse();
    // Before there is any other thread.
    let sockets = Sockets::take();
    let _log = log::start(options.level());
    let result = match &options.command {
        Some(Command::Check { config }) => check::check(config),
        None => sockets.and_then(|sockets| serve(&options.serve, sockets, options.quiet == 0)),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Serve, mut sockets: Sockets, announce: bool) -> Result<ExitCode> {
    let restarter = Restarter::new()?;
    sockets.agree_with(options);
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
    let (events, wanted) = events::catch().context("cannot catch signals")?;
    let timeout = plan.server.shutdown_timeout;
    let Sockets { clients, operators, ready } = sockets;
    let request_ids = options.config.is_some();
    let server = server::start(&plan.server, tenants, &cache, request_ids, (clients, operators))?;
    let server = Arc::new(server);
    let announcement = server::announcement(&plan.server, &server);
    let reloads = Reloader::start(options.clone(), plan, deployer, Arc::clone(&server), changes)?;
    if announce {
        say(&announcement);
    }
    if let Err(error) = sockets::take_over(ready) {
        server.stop(timeout);
        return Err(error);
    }
    notify::ready();
    let replaced_by = loop {
        match wanted.recv()? {
            Event::Reload => {
                if let Err(error) = server.reopen_access_log() {
                    error!(%error, "cannot open the access log again");
                }
                reloads.ask();
            }
            Event::Restart => {
                let events = events.clone();
                restarter.start(&server, move |replacement| {
                    // Nobody listens any more if the process is about to end.
                    let _ = events.send(Event::Ready(replacement));
                });
            }
            Event::Ready(replacement) => match replacement.take_over() {
                Ok(process) => break Some(process),
                Err(error) => error!("still serving: {error:#}"),
            },
            Event::Stop(signal) => {
                info!(signal, connections = server.connections(), "stopping");
                break None;
            }
        }
    };
    thread::spawn(move || {
        let stop = |event| if let Event::Stop(signal) = event { Some(signal) } else { None };
        if let Some(signal) = wanted.iter().find_map(stop) {
            exit(signal.saturating_add(128));
        }
    });
    let cut = match replaced_by {
        Some(process) => {
            let connections = server.connections();
            info!(
                process = process.as_raw_nonzero(),
                connections, "a new process serves; stopping"
            );
            notify::replaced_by(process);
            server.leave(timeout)
        }
        None => {
            notify::stopping();
            server.stop(timeout)
        }
    };
    if cut > 0 {
        warn!(connections = cut, "cut off at the shutdown timeout");
    }
    Ok(ExitCode::SUCCESS)
}

/// The most that any instance can have: memories are 32-bit.
const MAX_MEMORY: usize = 4 << 30;

fn engine(plan: &Plan) -> Result<Engine> {
    let options = EngineOptions {
        instances: u32::try_from(plan.server.max_concurrent_requests).unwrap_or(u32::MAX),
        components: u32::try_from(sources(plan)).unwrap_or(u32::MAX),
        // Each route has a bound of its own, and room that is only reserved costs nothing.
        max_memory: MAX_MEMORY,
        ..EngineOptions::default()
    };
    Engine::new(&options).map_err(|error| anyhow!("cannot start the engine: {error:#}"))
}

/// How many different handlers there are.
fn sources(plan: &Plan) -> usize {
    let routes = plan.tenants.iter().flat_map(|tenant| &tenant.routes);
    routes.map(|route| &route.source).collect::<HashSet<_>>().len()
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
