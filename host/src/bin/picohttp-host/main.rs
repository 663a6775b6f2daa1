//! The command: what was typed becomes an engine, a handler and a server, until a
//! signal comes.

mod cli;
mod source;
mod watch;

use std::io::{IsTerminal, Write, stderr};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitCode, exit};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Parser;
use picohttp_host::{
    Cache, Component, Directory, Engine, EngineOptions, HttpServer, KeepAlive, Route,
    RunningServer, Sandbox, StartError, Tenant, Timeouts, http1,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{error, info, warn};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use cli::Options;
use source::Source;

fn main() -> ExitCode {
    let options = Options::parse();
    let _log = start_log(&options);
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    raise_descriptor_limit();
    let source = Arc::new(Source::new(options.handler.as_deref()));
    let sandbox = sandbox(options);
    if options.watch
        && let Some(handler) = &options.handler
    {
        refuse_writable(&options.dir, handler)?;
    }
    let cache = cache(options);
    let engine = Engine::new(&EngineOptions {
        instances: concurrency(options),
        max_memory: options.max_memory,
        allocation: None,
    })
    .map_err(|error| anyhow::anyhow!("cannot start the engine: {error:#}"))?;
    let component = source.load(&engine, &sandbox, &cache)?;
    // Before the server says that it serves: a change right then counts.
    let changes = if options.watch { Some(watch::watch(&source)?) } else { None };
    // Until now a signal ends the process, as it should while a handler is built.
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot catch signals")?;
    let server = Arc::new(server(options, tenant(options, component))?);
    if let Some(changes) = changes {
        let (options, server) = (options.clone(), Arc::clone(&server));
        thread::Builder::new().name("watch".to_owned()).spawn(move || {
            changes.for_each(|| {
                let started = Instant::now();
                let loaded = source.load(&engine, &sandbox, &cache);
                let replaced =
                    loaded.and_then(|component| Ok(server.replace([tenant(&options, component)])?));
                match replaced {
                    Ok(()) => info!(took = ?started.elapsed(), "serving the changed handler"),
                    Err(error) => error!("still serving the old handler: {error:#}"),
                }
            });
        })?;
    }
    if options.quiet == 0 {
        say(&format!("Serving HTTP on http://{}/", server.address()));
    }
    let signal = signals.forever().next();
    info!(signal, connections = server.connections(), "stopping");
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            exit(signal.saturating_add(128));
        }
    });
    match server.stop(options.shutdown_timeout) {
        0 => {}
        cut => warn!(connections = cut, "cut off at the shutdown timeout"),
    }
    Ok(())
}

/// A handler that could change what it is built from could have anything built and run.
fn refuse_writable(granted: &[Directory], handler: &Path) -> Result<()> {
    let handler = handler.canonicalize().unwrap_or_else(|_| handler.to_owned());
    for folder in granted.iter().filter(|folder| folder.writable) {
        if handler.starts_with(&folder.host) || folder.host.starts_with(&handler) {
            bail!(
                "--watch would build what the handler may write in {}; grant it another folder",
                folder.host.display()
            );
        }
    }
    Ok(())
}

fn sandbox(options: &Options) -> Sandbox {
    Sandbox {
        timeout: options.timeout,
        max_memory: options.max_memory,
        max_response: options.max_response_size,
        directories: options.dir.clone(),
        environment: options.env.clone(),
        ..Sandbox::default()
    }
}

fn cache(options: &Options) -> Cache {
    match &options.cache_dir {
        _ if options.no_cache => Cache::none(),
        Some(folder) => Cache::in_folder(folder),
        None => Cache::of_user(),
    }
}

fn concurrency(options: &Options) -> u32 {
    if options.sequential { 1 } else { options.max_concurrent_requests }
}

/// The only tenant: the handler, whatever the host and the path.
fn tenant(options: &Options, component: Component) -> Tenant {
    let name = component.name().to_owned();
    Tenant::new(name).route(Route::new("/...", component).args(options.arg.iter().cloned()))
}

fn server(options: &Options, tenant: Tenant) -> Result<RunningServer> {
    let addresses = addresses(options);
    let mut server = HttpServer::of_tenants([tenant])
        .max_concurrent_requests(concurrency(options) as usize)
        .max_queue(options.max_queue)
        .max_connections(options.max_connections as usize)
        .max_buffered(options.max_buffered)
        .limits(http1::Limits {
            body_bytes: options.max_body_size as u64,
            ..http1::Limits::default()
        })
        .timeouts(Timeouts {
            head: options.head_timeout,
            body: options.body_timeout,
            write: options.write_timeout,
            ..Timeouts::default()
        });
    if options.keep_alive {
        server = server.keep_alive(KeepAlive {
            idle: options.idle_timeout,
            max_requests: options.max_requests_per_connection,
        });
    }
    for &address in &addresses {
        server = server.address(address);
    }
    match server.start() {
        Ok(server) => Ok(server),
        Err(StartError::Listen(error)) => {
            let tried: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
            let hint = match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "; is another server running? Try --port 0 for any free port"
                }
                std::io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
                _ => "",
            };
            bail!("cannot listen on {}: {error}{hint}", tried.join(" or "))
        }
        Err(error) => Err(error.into()),
    }
}

fn addresses(options: &Options) -> Vec<SocketAddr> {
    let ports = if options.port.is_empty() { &[8080][..] } else { &options.port };
    match options.addr.as_slice() {
        [] => ports.iter().map(|&port| (Ipv4Addr::LOCALHOST, port).into()).collect(),
        addresses => addresses.to_vec(),
    }
}

/// How many lines wait to be logged, if standard error is slow, before more are dropped.
const LOG_LINES: usize = 8192;

/// Logs to standard error: at the level that was asked for, or as `RUST_LOG` says. A
/// thread of its own writes, so that a reader who stops reading stops no request. What
/// is still to be written is, when the guard is dropped.
fn start_log(options: &Options) -> WorkerGuard {
    let asked = || Targets::new().with_default(options.level());
    let filter = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse().ok());
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LOG_LINES)
        .thread_name("log")
        .finish(stderr());
    let format = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(stderr().is_terminal() && !no_color);
    tracing_subscriber::registry().with(format).with(filter.unwrap_or_else(asked)).init();
    guard
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
