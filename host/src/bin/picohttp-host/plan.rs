//! From the command line to a plan: one handler is a plan of one tenant.

use std::collections::BTreeSet;
use std::env::{current_dir, current_exe};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context, Error, Result, bail, ensure};
use picohttp_host::config::{
    AccessLog, LogTarget, MAX_DIRECTORIES, Plan, Problem, RoutePlan, ServerPlan, TenantPlan,
    units::shown_size,
};
use picohttp_host::{CompileLimits, Directory, KeepAlive, Sandbox, Source, Timeouts, Totals};

use crate::cli::{self, Call, Grants, Limits, Serve};
use crate::restart;

/// What the command line asks for, or the file that it names; it may take the place of what is
/// `served` now.
pub fn of(options: &Serve, served: Option<&Plan>) -> Result<Plan> {
    let plan = match &options.config {
        Some(file) => read(file)?,
        None => single(options)?,
    };
    let components_count = options.watch || options.keeping.allow_precompiled;
    refuse_writable(&plan, served, components_count)?;
    Ok(plan.resolved())
}

fn read(file: &Path) -> Result<Plan> {
    let plan = Plan::read(file)?;
    has_tenants(file, &plan)?;
    Ok(plan)
}

/// Refuses a plan in which a handler may change what this process relies on: with the program
/// that runs, and the one that takes its place.
pub fn refuse_writable(plan: &Plan, served: Option<&Plan>, components_count: bool) -> Result<()> {
    let programs: Vec<_> = [current_exe().ok(), restart::program()].into_iter().flatten().collect();
    Ok(plan.refuse_writable(served, &programs, components_count)?)
}

/// There is something to serve: a configuration that was cut short, by a full disk say, must not
/// take everything away.
pub fn has_tenants(file: &Path, plan: &Plan) -> Result<()> {
    ensure!(!plan.tenants.is_empty(), "{}: there is no [[tenant]] to serve", file.display());
    Ok(())
}

/// The handler that is asked once, and no more.
pub fn of_call(options: &Call) -> Result<Plan> {
    let source = Source::at(&options.handler);
    let cache_dir = options.keeping.cache_dir.clone();
    let server = ServerPlan { cache_dir, ..of_compiling(&options.compile_limits).server };
    let name = source.name();
    let route = route(source, &options.grants, &options.limits)?;
    let tenants = vec![TenantPlan::new(name, &server, vec![route])];
    let plan = Plan { tenants, server, ..Plan::default() };
    refuse_writable(&plan, None, options.keeping.allow_precompiled)?;
    Ok(plan.resolved())
}

fn single(options: &Serve) -> Result<Plan> {
    let server = server(options);
    let source = options.handler.as_ref().map_or(Source::Static, Source::at);
    let name = source.name();
    let mut route = route(source, &options.grants, &options.limits)?;
    let Limits { max_body_size, max_response_size, .. } = options.limits;
    for (flag, size) in
        [("--max-body-size", max_body_size), ("--max-response-size", max_response_size)]
    {
        let most = server.max_buffered;
        ensure!(
            size <= most,
            "{flag}: {} is more than --max-buffered, which is {}",
            shown_size(size),
            shown_size(most)
        );
    }
    let folders = &mut route.sandbox.directories;
    if route.source == Source::Static && folders.is_empty() {
        let host = current_dir().context("cannot tell the current folder")?;
        folders.push(Directory { host, guest: "/".to_owned(), writable: false });
    }
    ensure!(
        !route.has_nothing_to_serve(),
        "without a handler, the files of the folder that is called `/` are served; write \
         --dir HOST::/"
    );
    // Nobody but the server has bounds.
    let totals = Totals::default();
    let tenant = TenantPlan { totals, ..TenantPlan::new(name, &server, vec![route]) };
    Ok(Plan { server, tenants: vec![tenant], ..Plan::default() })
}

fn route(source: Source, grants: &Grants, limits: &Limits) -> Result<RoutePlan> {
    ensure!(
        grants.dir.len() <= MAX_DIRECTORIES,
        "--dir: a handler may have {MAX_DIRECTORIES} folders, and not {}",
        grants.dir.len()
    );
    let mut guests = BTreeSet::new();
    if let Some(twice) = grants.dir.iter().find(|folder| !guests.insert(&folder.guest)) {
        bail!("--dir: the handler has another folder as {}", twice.guest);
    }
    Ok(RoutePlan {
        args: grants.arg.clone(),
        sandbox: Sandbox {
            timeout: limits.timeout,
            cpu_time: limits.cpu_time,
            max_memory: limits.max_memory,
            max_response: limits.max_response_size,
            directories: grants.dir.clone(),
            environment: grants.env.clone(),
            ..Sandbox::default()
        },
        max_body_size: limits.max_body_size as u64,
        ..RoutePlan::new("/...", source)
    })
}

/// Handlers that are compiled, and asked one at a time at most.
pub fn of_compiling(limits: &cli::CompileLimits) -> Plan {
    let compile = compile(limits);
    let server = ServerPlan { compile, max_concurrent_requests: 1, ..ServerPlan::default() };
    Plan { server, ..Plan::default() }
}

fn compile(limits: &cli::CompileLimits) -> CompileLimits {
    CompileLimits { time: limits.compile_timeout, memory: limits.compile_memory as u64 }
}

fn server(options: &Serve) -> ServerPlan {
    let concurrent = if options.sequential { 1 } else { options.max_concurrent_requests };
    let keep_alive =
        KeepAlive { idle: options.idle_timeout, max_requests: options.max_requests_per_connection };
    ServerPlan {
        addresses: addresses(options),
        admin_address: options.admin_addr,
        admin_token_file: options.admin_token_file.clone(),
        access_log: options.access_log.as_ref().map(|name| AccessLog {
            target: LogTarget::named(name),
            format: options.access_log_format,
        }),
        keep_alive: options.keep_alive.then_some(keep_alive),
        timeouts: Timeouts {
            head: options.head_timeout,
            body: options.body_timeout,
            write: options.write_timeout,
            ..Timeouts::default()
        },
        max_connections: options.max_connections,
        max_buffered: options.max_buffered,
        max_concurrent_requests: concurrent as usize,
        max_queue: options.max_queue,
        shutdown_timeout: options.shutdown_timeout,
        cache_dir: options.keeping.cache_dir.clone(),
        compile: compile(&options.compile_limits),
        user: options.user.clone(),
        confine: options.confine,
        tls: options.tls_cert.clone().zip(options.tls_key.clone()),
    }
}

fn addresses(options: &Serve) -> Vec<SocketAddr> {
    let ports = if options.port.is_empty() { &[8080][..] } else { &options.port };
    match options.addr.as_slice() {
        [] => ports.iter().map(|&port| (Ipv4Addr::LOCALHOST, port).into()).collect(),
        addresses => addresses.to_vec(),
    }
}

/// What is wrong with a key of `[server]`, and where it is written if it is in a file.
pub fn wrong(plan: &Plan, key: &str, error: impl Into<Error>) -> Error {
    let message = format!("{:#}", error.into());
    Problem { position: plan.written.get(key).cloned(), message }.into()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Options;

    #[test]
    fn flags_that_are_not_given_mean_what_files_mean_that_do_not_say() {
        let options = Options::parse_from(["picohttp-host"]).serve;
        assert_eq!(server(&options), ServerPlan::default());
        let route = route(Source::Static, &options.grants, &options.limits).unwrap();
        assert_eq!(route, RoutePlan::new("/...", Source::Static));
        let options = Options::parse_from(["picohttp-host", "--keep-alive"]).serve;
        assert_eq!(server(&options).keep_alive, Some(KeepAlive::default()));
    }

    #[test]
    fn a_message_that_there_is_no_room_for_is_an_error() {
        let said = |flags: [&str; 2]| {
            let options = Options::parse_from(["picohttp-host", flags[0], flags[1]]).serve;
            single(&options).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(
            said(["--max-body-size=1GiB", "--max-buffered=1MiB"]).unwrap_err(),
            "--max-body-size: 1 GiB is more than --max-buffered, which is 1 MiB"
        );
        assert_eq!(
            said(["--max-buffered=10MiB", "--addr=127.0.0.1:0"]).unwrap_err(),
            "--max-response-size: 16 MiB is more than --max-buffered, which is 10 MiB"
        );
        assert_eq!(said(["--max-body-size=1GiB", "--max-buffered=1GiB"]), Ok(()));
    }
}
