//! A server that runs: what it does meanwhile, and how it ends.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::access_log::Log;
use crate::admin::Admin;
use crate::deadline::after;
use crate::workers::Workers;
use crate::{AdminToken, CatalogError, Tenant, Tls};

/// A server that runs until it is stopped. Dropping it leaves it running.
pub struct RunningServer {
    workers: Arc<Workers>,
    admin: Option<Admin>,
}

impl fmt::Debug for RunningServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningServer")
            .field("address", &self.address())
            .field("admin_address", &self.admin_address())
            .finish_non_exhaustive()
    }
}

/// How long the last lines of the access log may take to be written.
const LOG_GRACE: Duration = Duration::from_secs(1);

/// How long threads may still be at answers whose lines belong in that log.
const LAST_ANSWERS: Duration = Duration::from_millis(100);

/// How often a stopping server looks whether its last connection is gone.
const STOP_CHECK: Duration = Duration::from_millis(2);

impl RunningServer {
    pub(crate) fn new(workers: Arc<Workers>, admin: Option<Admin>) -> RunningServer {
        RunningServer { workers, admin }
    }

    /// The address that clients can connect to, with its real port.
    pub fn address(&self) -> SocketAddr {
        self.workers.listener().address()
    }

    /// Serves other tenants from now on, without a pause: requests that have begun keep
    /// the handlers they were for. A tenant, and a route of one, goes on as the one with
    /// the same name before it: who runs or waits still counts.
    ///
    /// # Errors
    ///
    /// [`CatalogError`]; nothing has changed then.
    pub fn replace(&self, tenants: impl IntoIterator<Item = Tenant>) -> Result<(), CatalogError> {
        self.workers.service().replace(tenants.into_iter().collect())
    }

    /// Says whether handlers are still being loaded. While they are, operators are told that
    /// the server is not ready (`/readyz`). It is, unless it is told otherwise.
    pub fn set_loading(&self, loading: bool) {
        self.workers.service().loading.store(loading, Ordering::Relaxed);
    }

    /// Shows clients that connect from now on another certificate. Those that are here
    /// keep their sessions. A server that spoke plain HTTP speaks TLS from now on.
    pub fn replace_tls(&self, tls: Tls) {
        self.workers.service().tls.store(Some(Arc::new(tls)));
    }

    /// Asks operators for this token from now on, also those who have had another. Where nobody
    /// listens for operators, nothing changes.
    pub fn replace_admin_token(&self, token: &AdminToken) {
        if let Some(admin) = &self.admin {
            admin.replace_token(token);
        }
    }

    /// The address that operators can connect to, with its real port.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::address)
    }

    /// The listening socket, for somebody else to accept clients from it, too.
    ///
    /// # Errors
    ///
    /// The system's: no descriptor is left.
    pub fn listener(&self) -> io::Result<TcpListener> {
        self.workers.listener().duplicate()
    }

    /// Whether somebody else may accept clients from the listening socket, too.
    pub fn shares_listener(&self) -> bool {
        self.workers.listener().is_shared()
    }

    /// From now on nobody else accepts clients from the listening socket, as who had it before
    /// has ended, or accepts nobody any more: they are refused when this server stops.
    pub fn own_listener(&self) {
        self.workers.listener().own();
    }

    /// The listening socket for operators, likewise.
    ///
    /// # Errors
    ///
    /// The system's: no descriptor is left.
    pub fn admin_listener(&self) -> io::Result<Option<TcpListener>> {
        self.admin.as_ref().map(|admin| admin.listener().duplicate()).transpose()
    }

    /// The same of operators and their listening socket as [`RunningServer::own_listener`] says
    /// of clients.
    pub fn own_admin_listener(&self) {
        if let Some(admin) = &self.admin {
            admin.listener().own();
        }
    }

    /// Opens the file of the access log again by its name, as after a rotation.
    ///
    /// # Errors
    ///
    /// The system's; the log goes on in the file that it has.
    pub fn reopen_access_log(&self) -> io::Result<()> {
        self.workers.service().access_log.as_ref().map_or(Ok(()), Log::reopen)
    }

    /// Counts a reload that failed before there was anything to serve.
    pub fn count_failed_reload(&self) {
        self.workers.service().metrics.reloads.count_failed();
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.workers.service().load.connections()
    }

    /// How many complete requests wait in line for others to end.
    pub fn waiting(&self) -> usize {
        self.workers.service().admission.waiting()
    }

    /// Refuses new clients, serves those that are here for at most `timeout`, and ends; the last
    /// answers and lines of the access log may take two seconds more. Returns how many connections
    /// were cut off.
    ///
    /// A handler that still runs then is not waited for: a component's own deadline ends it, and a
    /// closure has none. New clients of a listening socket that counts as shared
    /// ([`HttpServer::socket`](crate::HttpServer::socket)) are left to whoever else has it.
    pub fn stop(&self, timeout: Duration) -> usize {
        self.workers.stop();
        let cut = self.drain(timeout);
        if let Some(admin) = &self.admin {
            admin.end();
        }
        match cut {
            0 => self.join(),
            _ => self.finish_access_log(LOG_GRACE),
        }
        cut
    }

    /// As [`RunningServer::stop`], but new clients and operators are left to whoever else has
    /// the listening sockets: none is refused, and operators are told how the other one is.
    pub fn leave(&self, timeout: Duration) -> usize {
        self.workers.leave();
        if let Some(admin) = &self.admin {
            admin.leave();
        }
        let cut = self.drain(timeout);
        if cut == 0 {
            self.workers.join();
        }
        self.finish_access_log(LOG_GRACE);
        cut
    }

    /// Serves those who are here for at most `timeout`. Returns how many were cut off.
    fn drain(&self, timeout: Duration) -> usize {
        let deadline = after(Instant::now(), timeout);
        while self.workers.is_busy() && Instant::now() < deadline {
            thread::sleep(STOP_CHECK);
        }
        let cut = self.connections();
        self.workers.end();
        let deadline = after(Instant::now(), LAST_ANSWERS);
        while self.workers.are_answering() && Instant::now() < deadline {
            thread::sleep(STOP_CHECK);
        }
        self.tell_abandoned();
        cut
    }

    /// Says whose handlers still run and are not waited for.
    fn tell_abandoned(&self) {
        let catalog = self.workers.service().catalog.load();
        for endpoint in catalog.tenants().iter().flat_map(|served| &served.endpoints) {
            let (running, _) = endpoint.lane.occupancy();
            if running > 0 {
                let (tenant, route) = (endpoint.origin.tenant(), endpoint.origin.route());
                warn!(tenant, route, running, "handlers still run and are not waited for");
            }
        }
    }

    /// Has the lines of the access log written that there are, for at most so long. Later ones
    /// are not.
    pub fn finish_access_log(&self, patience: Duration) {
        if let Some(log) = &self.workers.service().access_log {
            log.finish(patience);
        }
    }

    /// Waits until the server's threads have ended, and their lines are in the access log, but for
    /// those of handlers that a stop did not wait for. Any number of threads may wait here, and
    /// another stop the server.
    pub fn join(&self) {
        self.workers.join();
        if let Some(admin) = &self.admin {
            admin.end();
            admin.join();
        }
        self.finish_access_log(LOG_GRACE);
    }
}
