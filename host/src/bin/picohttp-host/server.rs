//! From a plan to a server that runs.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use picohttp_host::config::ServerPlan;
use picohttp_host::{HttpServer, KeepAlive, RunningServer, StartError, Tenant, Timeouts};

/// Starts the server of a plan.
pub fn start(plan: &ServerPlan, tenants: Vec<Tenant>) -> Result<RunningServer> {
    let mut server = HttpServer::of_tenants(tenants)
        .max_concurrent_requests(plan.max_concurrent_requests)
        .max_queue(plan.max_queue)
        .max_connections(plan.max_connections as usize)
        .max_buffered(plan.max_buffered)
        .timeouts(Timeouts {
            head: plan.head_timeout,
            body: plan.body_timeout,
            write: plan.write_timeout,
            ..Timeouts::default()
        });
    if plan.keep_alive {
        server = server.keep_alive(KeepAlive {
            idle: plan.idle_timeout,
            max_requests: plan.max_requests_per_connection,
        });
    }
    for &address in &plan.addresses {
        server = server.address(address);
    }
    match server.start() {
        Ok(server) => Ok(server),
        Err(StartError::Listen(error)) => {
            let tried: Vec<String> = plan.addresses.iter().map(SocketAddr::to_string).collect();
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

/// What is said once the server serves.
pub fn announcement(server: &RunningServer) -> String {
    format!("Serving HTTP on http://{}/", server.address())
}
