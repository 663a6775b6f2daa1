//! From the command line to a plan: one handler is a plan of one tenant.

use std::env::current_dir;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, bail};
use picohttp_host::config::{
    AccessLog, LogFormat, LogTarget, Plan, RoutePlan, ServerPlan, TenantPlan,
};
use picohttp_host::{Directory, Source};

use crate::cli::{Format, Serve};

/// What the command line asks for, or the file that it names.
pub fn of(options: &Serve) -> Result<Plan> {
    let plan = match &options.config {
        Some(file) => Plan::read(file)?,
        None => single(options)?,
    };
    if options.watch {
        refuse_writable(&plan)?;
    }
    Ok(plan)
}

fn single(options: &Serve) -> Result<Plan> {
    let server = server(options);
    let source = options.handler.as_ref().map_or(Source::Static, Source::at);
    let name = source.name();
    let mut directories = options.dir.clone();
    if source == Source::Static && directories.is_empty() {
        let host = current_dir().context("cannot tell the current folder")?;
        directories.push(Directory { host, guest: "/".to_owned(), writable: false });
    }
    let route = RoutePlan {
        args: options.arg.clone(),
        environment: options.env.clone(),
        directories,
        timeout: options.timeout,
        cpu_time: options.cpu_time,
        max_memory: options.max_memory,
        max_body_size: options.max_body_size as u64,
        max_response_size: options.max_response_size,
        ..RoutePlan::new("/...", source)
    };
    let tenant = TenantPlan {
        max_concurrent_requests: server.max_concurrent_requests,
        max_queue: server.max_queue,
        log_quota: None,
        ..TenantPlan::new(name, &server, vec![route])
    };
    Ok(Plan { server, tenants: vec![tenant], ..Plan::default() })
}

fn server(options: &Serve) -> ServerPlan {
    let concurrent = if options.sequential { 1 } else { options.max_concurrent_requests };
    ServerPlan {
        addresses: addresses(options),
        admin_address: options.admin_addr,
        admin_token_file: options.admin_token_file.clone(),
        access_log: access_log(options),
        keep_alive: options.keep_alive,
        idle_timeout: options.idle_timeout,
        max_requests_per_connection: options.max_requests_per_connection,
        head_timeout: options.head_timeout,
        body_timeout: options.body_timeout,
        write_timeout: options.write_timeout,
        max_connections: options.max_connections,
        max_buffered: options.max_buffered,
        max_concurrent_requests: concurrent as usize,
        max_queue: options.max_queue,
        shutdown_timeout: options.shutdown_timeout,
        cache_dir: options.cache_dir.clone(),
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

fn access_log(options: &Serve) -> Option<AccessLog> {
    let target = match options.access_log.clone()? {
        path if path.as_os_str() == "stderr" => LogTarget::Stderr,
        path => LogTarget::File(path),
    };
    let format = match options.access_log_format {
        Format::Text => LogFormat::Text,
        Format::Json => LogFormat::Json,
    };
    Some(AccessLog { target, format })
}

/// A handler that could change what handlers are built from could have anything built
/// and run.
fn refuse_writable(plan: &Plan) -> Result<()> {
    let routes = || plan.tenants.iter().flat_map(|tenant| &tenant.routes);
    let writable = || {
        let folders = routes().flat_map(|route| &route.directories);
        folders.filter(|folder| folder.writable).map(|folder| &folder.host)
    };
    for source in routes().filter_map(|route| route.source.path()) {
        let source = source.canonicalize().unwrap_or_else(|_| source.to_owned());
        if let Some(folder) =
            writable().find(|&folder| source.starts_with(folder) || folder.starts_with(&source))
        {
            bail!(
                "--watch would build what the handler may write in {}; grant it another folder",
                folder.display()
            );
        }
    }
    Ok(())
}
