//! From a plan to a server that runs.

use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use picohttp_host::config::{Plan, ServerPlan};
use picohttp_host::{
    AdminToken, Cache, HttpServer, RunningServer, Socket, StartError, Tenant, Tls, TlsError,
    read_regular_file,
};
use tracing::warn;

use crate::plan;
use crate::sockets::cannot_listen;

/// Starts the server of a plan, with the sockets that there are for it. Requests have ids
/// that clients see if it is a file that says what is served. While handlers are still being
/// loaded, operators are told that it is not ready.
pub fn start(
    plan: &Plan,
    tenants: Vec<Tenant>,
    cache: &Cache,
    (request_ids, loading): (bool, bool),
    (clients, operators): (Option<Socket>, Option<Socket>),
) -> Result<RunningServer> {
    let mut server = HttpServer::of_plan(&plan.server, tenants)
        .report_cache(cache)
        .request_ids(request_ids)
        .loading(loading);
    if let Some(tls) = tls(plan)? {
        server = server.tls(tls);
    }
    if let Some(address) = plan.server.admin_address {
        server = server.admin(address, token(plan)?);
    }
    if let Some(socket) = clients {
        server = server.socket(socket);
    }
    if let Some(socket) = operators {
        server = server.admin_socket(socket);
    }
    match server.start() {
        Ok(server) => Ok(server),
        Err(StartError::Listen(error)) => Err(cannot_listen(&plan.server.addresses, &error)),
        Err(StartError::Admin(error)) => {
            let address = plan.server.admin_address.map(|address| address.to_string());
            bail!("cannot listen on {} for operators: {error}", address.unwrap_or_default())
        }
        Err(error) => Err(error.into()),
    }
}

/// The certificate and its key, if the plan has them.
pub fn tls(plan: &Plan) -> Result<Option<Tls>> {
    let Some((certificate, key)) = &plan.server.tls else { return Ok(None) };
    let tls = Tls::from_files(certificate, key).map_err(|error| {
        let is_key = match &error {
            TlsError::Unreadable { file, .. } | TlsError::Damaged { file, .. } => {
                Path::new(file) == key && key != certificate
            }
            TlsError::NoKey { .. }
            | TlsError::LockedKey { .. }
            | TlsError::Key { .. }
            | TlsError::Mismatch { .. } => true,
            _ => false,
        };
        plan::wrong(plan, if is_key { "tls_key" } else { "tls_cert" }, error)
    })?;
    if tls.key_is_public() {
        warn!(key = %key.display(), "everybody may read the private key; chmod 600 it");
    }
    if let Some(validity) = tls.validity().filter(|it| !it.contains(SystemTime::now())) {
        let file = certificate.display();
        warn!(certificate = %file, %validity, "clients refuse the certificate now; renew it");
    }
    Ok(Some(tls))
}

/// How large the file of that word may be, in bytes.
const MAX_TOKEN: u64 = 4 << 10;

/// The word that operators must know, if there is one.
pub fn token(plan: &Plan) -> Result<Option<AdminToken>> {
    let Some(file) = &plan.server.admin_token_file else { return Ok(None) };
    read_token(file).map(Some).map_err(|error| plan::wrong(plan, "admin_token_file", error))
}

fn read_token(file: &Path) -> Result<AdminToken> {
    let read = || format!("cannot read {}", file.display());
    let text = String::from_utf8(read_regular_file(file, MAX_TOKEN).with_context(read)?);
    AdminToken::new(&text.with_context(read)?).with_context(|| file.display().to_string())
}

/// What is said once the server serves.
pub fn announcement(plan: &ServerPlan, server: &RunningServer) -> String {
    let scheme = if plan.tls.is_some() { "https" } else { "http" };
    let clients = format!("Serving HTTP on {scheme}://{}/", server.address());
    match server.admin_address() {
        Some(operators) => format!("{clients}\nOperators look at http://{operators}/"),
        None => clients,
    }
}
