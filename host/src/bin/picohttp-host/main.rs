//! The command: what was typed becomes a plan, an engine and a server, until a signal
//! comes.

#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
        reason = "a test fails by panicking"
    )
)]

mod call;
mod check;
mod compile;
mod cli;
mod confine;
mod engine;
mod events;
mod heap;
mod limits;
mod loading;
mod log;
mod new;
mod notify;
mod pages;
mod plan;
mod progress;
mod reload;
mod restart;
mod server;
mod sockets;
mod watch;

use std::env;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::process::{ExitCode, exit};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use picohttp_host::{Deployer, RunningServer, compile_stdin};
use rustix::process::Pid;
use tracing::{error, info, warn};

use cli::{Command, Options};
use confine::Confinement;
use events::Event;
use loading::Loaded;
use log::Log;
use reload::{Reloader, Reloading};
use restart::Restarter;
use sockets::{Inherited, Sockets};

/// The exit code if connections were cut off at the shutdown timeout.
const CUT_OFF: u8 = 3;

/// How long the last lines of each log may take at a second signal.
const LAST_LINES: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    // What only this program asks for is no part of the command line that people see.
    if env::args_os().skip(1).eq([engine::COMPILE]) {
        return compile_stdin();
    }
    let options = Options::of_process();
    // Both before there is any other thread.
    heap::keep_little();
    let sockets = Sockets::take();
    let result = events::begin().and_then(|()| match &options.command {
        Some(Command::Check(check)) => {
            log::start(options.logged()).and_then(|_log| check::check(check))
        }
        Some(Command::Call(call)) => {
            log::start(options.logged()).and_then(|log| call::call(call, log, options.quiet == 0))
        }
        Some(Command::Compile(compile)) => compile::compile(compile, options.quiet == 0),
        Some(Command::New(options)) => new::new(options),
        Some(Command::Completions(completions)) => pages::completions(completions.shell),
        Some(Command::Manual(manual)) => pages::manual(manual.command.as_deref()),
        None => sockets.and_then(|sockets| serve(&options, sockets)),
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Options, mut sockets: Sockets) -> Result<ExitCode> {
    let signals = events::keep()?;
    let (announce, logged) = (options.quiet == 0, options.logged());
    let options = &options.serve;
    let plan = plan::of(options, None)?;
    if !options.show_confinement {
        sockets.agree_with(options);
        sockets.bind(&plan.server)?;
    }
    let limits = limits::raise();
    let user = confine::become_user(&plan)?;
    let cache = engine::cache(&plan, &options.keeping, user.as_ref());
    let confinement = Confinement::begin(&plan, user.as_ref(), cache.folder())?;
    if options.show_confinement {
        print(confinement.to_string().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    // Its thread is confined, too, as is every one from now on.
    let log = log::start(logged)?;
    confinement.log();
    sockets.warn();
    limits.log();
    if let Err(error) = heap::give_back() {
        warn!(%error, "memory that is free is kept");
    }
    let engine = engine::engine(&plan)?.allow_precompiled(options.keeping.allow_precompiled);
    let deployer = Arc::new(Deployer::new(engine, cache.clone()));
    let restarter = Restarter::new(confinement, Arc::clone(&deployer))?;
    // Before anything is loaded: a change from then on counts.
    let changes = if options.watch { Some(watch::watch(&plan)?) } else { None };
    let Loaded { tenants, rest } = match options.config {
        Some(_) if sockets.ready.is_some() => loading::as_many(&plan, &deployer, announce)?,
        Some(_) => loading::some(&plan, &deployer, announce)?,
        None => loading::all(&plan, &deployer, announce)?,
    };
    // Until now SIGTERM ends the process, as it should while handlers are built.
    let (events, wanted) = signals.listen()?;
    let timeout = plan.server.shutdown_timeout;
    let Sockets { clients, operators, owns_clients, ready, .. } = sockets;
    let request_ids = options.config.is_some();
    let loading = rest.is_some();
    let server =
        server::start(&plan, tenants, &cache, (request_ids, loading), (clients, operators))?;
    let server = Arc::new(server);
    let announcement = server::announcement(&plan.server, &server);
    let (options, served) = (options.clone(), Arc::clone(&server));
    let reloads = Reloader::start(
        Reloading { options, plan, deployer, server: served, changes, is_blind: false },
        rest,
    )?;
    if announce {
        // Whoever does not read it keeps nobody from being served.
        let say = move || say(&announcement);
        thread::Builder::new().name("announcement".to_owned()).spawn(say).context("no thread")?;
    }
    match sockets::take_over(ready, owns_clients, &server) {
        Ok(Inherited::Nothing) => {}
        Ok(inherited) => {
            // Either may have been asked of the process before while this one began.
            reopen_access_log(&server);
            if inherited == Inherited::PlaceAndReload {
                reloads.ask();
            }
        }
        Err(error) => {
            server.stop(timeout);
            return Err(error);
        }
    }
    notify::ready();
    let replaced_by = attend(&server, &restarter, &reloads, &events, &wanted)?;
    Ok(shut_down(&server, replaced_by, timeout, wanted, &log))
}

/// Does what is wanted until the server shall stop. Returns the process that serves in the
/// place of this one, if one does.
fn attend(
    server: &RunningServer,
    restarter: &Restarter,
    reloads: &Reloader,
    events: &Sender<Event>,
    wanted: &Receiver<Event>,
) -> Result<Option<Pid>> {
    // Whether that was asked since a new process was started, which may have read all by then.
    let mut has_reloaded = false;
    loop {
        match wanted.recv()? {
            Event::Reload => {
                has_reloaded = true;
                reopen_access_log(server);
                reloads.ask();
            }
            Event::Reopen => reopen_access_log(server),
            Event::Restart => {
                let events = events.clone();
                let has_started = restarter.start(server, move |replacement| {
                    // Nobody listens any more if the process is about to end.
                    let _ = events.send(Event::Ready(replacement));
                });
                has_reloaded &= !has_started;
            }
            Event::Ready(replacement) => match replacement.take_over(has_reloaded) {
                Ok(process) => return Ok(Some(process)),
                Err(error) => {
                    restarter.forget();
                    log::failed("still serving", &error);
                }
            },
            Event::Stop(signal) => {
                info!(signal, connections = server.connections(), "stopping");
                return Ok(None);
            }
        }
    }
}

fn reopen_access_log(server: &RunningServer) {
    if let Err(error) = server.reopen_access_log() {
        error!(%error, "cannot open the access log again");
    }
}

/// Serves those who are connected to the end, for as long as `timeout`; a second signal ends it
/// at once.
fn shut_down(
    server: &Arc<RunningServer>,
    replaced_by: Option<Pid>,
    timeout: Duration,
    wanted: Receiver<Event>,
    log: &Log,
) -> ExitCode {
    // A process that has been replaced stops by itself; nobody has told it to yet.
    let mut told = replaced_by.is_none();
    let (ended, log) = (Arc::clone(server), Arc::clone(&log.lines));
    let end_at_once = move || {
        for event in wanted {
            match event {
                Event::Stop(signal) if told => {
                    ended.finish_access_log(LAST_LINES);
                    log.finish(LAST_LINES);
                    exit(signal.saturating_add(128));
                }
                Event::Stop(signal) => {
                    told = true;
                    info!(signal, "stopping already; a second signal ends it at once");
                }
                Event::Reopen => reopen_access_log(&ended),
                Event::Reload | Event::Restart => match replaced_by {
                    Some(process) => {
                        let process = process.as_raw_nonzero();
                        warn!(process, "a new process serves: this signal is for that one");
                    }
                    None => warn!("stopping: nothing is loaded or started any more"),
                },
                Event::Ready(_) => {}
            }
        }
    };
    if let Err(error) = thread::Builder::new().spawn(end_at_once) {
        warn!(%error, "no second signal can end this at once");
    }
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
        return ExitCode::from(CUT_OFF);
    }
    ExitCode::SUCCESS
}

/// Prints what was asked for. Whoever closes standard output has seen enough.
fn print(bytes: &[u8]) -> Result<()> {
    match stdout().write_all(bytes).and_then(|()| stdout().flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Says something to the operator; if standard error is closed, there is nobody to say
/// it to.
fn say(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}
