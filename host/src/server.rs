//! A server: an address, a handler and the threads that bring them together.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::access_log::Log;
use crate::admin::Admin;
use crate::config::AccessLog;
use crate::connection::after;
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::service::{Bounds, Records, Service};
use crate::workers::Workers;
use crate::{Cache, CatalogError, Handler, KeepAlive, Quota, Route, Tenant, Timeouts, Tls, http1};

/// A server that has not been started yet.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
///
/// use picohttp_host::{HttpServer, Request, Response};
///
/// let hello = |request: &Request<'_>, response: &mut Response| {
///     response.data = Some(format!("Hello {}!", request.path[0]).into());
/// };
/// let server = HttpServer::new(hello).port(0).start()?;
///
/// let mut client = TcpStream::connect(server.address())?;
/// client.write_all(b"GET /world HTTP/1.0\r\n\r\n")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.ends_with("Hello world!"));
///
/// server.stop(std::time::Duration::from_secs(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HttpServer {
    tenants: Vec<Tenant>,
    addresses: Vec<SocketAddr>,
    listener: Option<TcpListener>,
    bounds: Bounds,
    tls: Option<Tls>,
    threads: bool,
    max_concurrent_requests: usize,
    max_queue: usize,
    admin: Option<(SocketAddr, Option<String>)>,
    admin_listener: Option<TcpListener>,
    access_log: Option<AccessLog>,
    cache: Option<Cache>,
}

impl HttpServer {
    /// A server for one handler, on 127.0.0.1:8080 unless told otherwise.
    pub fn new(handler: impl Handler) -> HttpServer {
        HttpServer::of_route(Route::new("/...", handler))
    }

    /// A server for one route, whatever the host.
    pub fn of_route(route: Route) -> HttpServer {
        HttpServer::of_tenants([Tenant::new("default").route(route)])
    }

    /// A server for many, on 127.0.0.1:8080 unless told otherwise.
    pub fn of_tenants(tenants: impl IntoIterator<Item = Tenant>) -> HttpServer {
        HttpServer {
            tenants: tenants.into_iter().collect(),
            addresses: Vec::new(),
            listener: None,
            bounds: Bounds::default(),
            tls: None,
            threads: true,
            max_concurrent_requests: 64,
            max_queue: 1024,
            admin: None,
            admin_listener: None,
            access_log: None,
            cache: None,
        }
    }

    /// Listens on a port of 127.0.0.1; on any free one if it is 0. Given more than one
    /// port or address, the server uses the first that is free.
    pub fn port(self, port: u16) -> HttpServer {
        self.address((Ipv4Addr::LOCALHOST, port).into())
    }

    /// Listens on an address, or on the first of several that is free.
    pub fn address(mut self, address: SocketAddr) -> HttpServer {
        self.addresses.push(address);
        self
    }

    /// Listens with a socket that is bound already, in place of all addresses. Others may
    /// have it, too: when the server stops, it leaves new clients to them.
    pub fn listener(mut self, listener: TcpListener) -> HttpServer {
        self.listener = Some(listener);
        self
    }

    /// What the handlers get beside each request, all of them the same.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> HttpServer {
        let args: Arc<[String]> = args.into_iter().map(Into::into).collect();
        for route in self.tenants.iter_mut().flat_map(|tenant| &mut tenant.routes) {
            route.args = Arc::clone(&args);
        }
        self
    }

    /// Whether requests are handled by many threads at once, which is the default, or
    /// strictly one after another.
    pub fn threads(mut self, threads: bool) -> HttpServer {
        self.threads = threads;
        self
    }

    /// How many requests may be handled at once; 64 unless told otherwise, at least 1.
    pub fn max_concurrent_requests(mut self, count: usize) -> HttpServer {
        self.max_concurrent_requests = count.max(1);
        self
    }

    /// How many complete requests may wait in line for others to end; 1024 unless told
    /// otherwise. Those over it are answered with 503.
    pub fn max_queue(mut self, count: usize) -> HttpServer {
        self.max_queue = count;
        self
    }

    /// How many connections there may be; 20 000 unless told otherwise. Those over it are
    /// closed as they come.
    pub fn max_connections(mut self, count: usize) -> HttpServer {
        self.bounds.max_connections = count.max(1);
        self
    }

    /// How many bytes of requests and responses may be held for all connections together;
    /// 512 MiB unless told otherwise. Bodies that come when there are more are answered
    /// with 503.
    pub fn max_buffered(mut self, bytes: usize) -> HttpServer {
        self.bounds.max_buffered = bytes;
        self
    }

    /// The sizes that a request may have.
    pub fn limits(mut self, limits: http1::Limits) -> HttpServer {
        self.bounds.limits = limits;
        self
    }

    /// How long each stage of a connection may last.
    pub fn timeouts(mut self, timeouts: Timeouts) -> HttpServer {
        self.bounds.timeouts = timeouts;
        self
    }

    /// Lets connections of HTTP/1.1 clients persist over several requests. Without it, which
    /// is the default, every connection is closed after one.
    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> HttpServer {
        self.bounds.keep_alive = Some(keep_alive);
        self
    }

    /// Speaks HTTP over TLS. Without it, which is the default, HTTP is spoken plainly.
    pub fn tls(mut self, tls: Tls) -> HttpServer {
        self.tls = Some(tls);
        self
    }

    /// Tells handlers the ids of their requests, and clients too, in the header
    /// `X-Request-Id`; not unless told otherwise. A client's own id is kept if it is one
    /// plain word.
    pub fn request_ids(mut self, request_ids: bool) -> HttpServer {
        self.bounds.request_ids = request_ids;
        self
    }

    /// Keeps a log with one line for each request.
    pub fn access_log(mut self, log: AccessLog) -> HttpServer {
        self.access_log = Some(log);
        self
    }

    /// Listens for operators, too: `/healthz`, `/readyz`, `/metrics`, `/status`, `/log` and
    /// a page for people at `/`. With a token, whoever has it may see more than the first
    /// two; without one, whoever can connect.
    pub fn admin(mut self, address: SocketAddr, token: Option<String>) -> HttpServer {
        self.admin = Some((address, token));
        self
    }

    /// Listens for operators with a socket that is bound already, in place of the address
    /// that [`HttpServer::admin`] was given.
    pub fn admin_listener(mut self, listener: TcpListener) -> HttpServer {
        self.admin_listener = Some(listener);
        self
    }

    /// Has the metrics tell how the cache was of use that the components came from.
    pub fn cache(mut self, cache: &Cache) -> HttpServer {
        self.cache = Some(cache.clone());
        self
    }

    /// Binds the address and starts the threads. Clients that connect from now on are
    /// served.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn start(mut self) -> Result<RunningServer, StartError> {
        if self.addresses.is_empty() {
            self.addresses.push((Ipv4Addr::LOCALHOST, 8080).into());
        }
        let max_running = if self.threads { self.max_concurrent_requests } else { 1 };
        let quota =
            Quota { max_concurrent_requests: max_running, max_queue: self.max_queue, rate: None };
        let records = Records {
            metrics: Metrics::new(self.cache.map(|cache| cache.uses())),
            access_log: self
                .access_log
                .map(Log::start)
                .transpose()
                .map_err(StartError::AccessLog)?,
            journals: self.admin.is_some(),
        };
        let service =
            Service::new(self.tenants, self.bounds, quota, records).map_err(StartError::Catalog)?;
        let service = Arc::new(service);
        let bind = |(address, token)| match self.admin_listener {
            Some(listener) => Ok((listener, token)),
            None => Ok((TcpListener::bind::<SocketAddr>(address)?, token)),
        };
        let admin = self.admin.map(bind).transpose().map_err(StartError::Admin)?;
        let admin_listener = admin.as_ref().map(|(listener, _)| listener.try_clone());
        let admin_listener = admin_listener.transpose().map_err(StartError::Threads)?;
        let listener = match self.listener {
            Some(listener) => Listener::inherit(listener),
            None => Listener::bind(&self.addresses),
        };
        let listener = listener.map_err(StartError::Listen)?;
        let address = listener.address();
        let workers = Workers::start(Arc::clone(&service), listener, self.tls, max_running)
            .map_err(StartError::Threads)?;
        let start = |(listener, token): (_, Option<String>)| {
            Admin::start(listener, token.as_deref(), service, address)
        };
        let admin = admin.map(start).transpose().map_err(|error| {
            workers.stop();
            workers.end();
            StartError::Threads(error)
        })?;
        Ok(RunningServer { workers, admin, admin_listener })
    }

    /// Starts the server and waits for it, which is for ever unless its threads die.
    ///
    /// # Errors
    ///
    /// As [`HttpServer::start`].
    pub fn serve(self) -> Result<(), StartError> {
        self.start()?.join();
        Ok(())
    }
}

/// Why a server does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The tenants cannot be served together.
    Catalog(CatalogError),
    /// None of the addresses can be listened on; this is what is wrong with the last.
    Listen(io::Error),
    /// The address for operators cannot be listened on.
    Admin(io::Error),
    /// The access log cannot be opened.
    AccessLog(io::Error),
    /// The system has no threads or descriptors left.
    Threads(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Catalog(error) => error.fmt(f),
            StartError::Listen(error) => write!(f, "cannot listen: {error}"),
            StartError::Admin(error) => write!(f, "cannot listen for operators: {error}"),
            StartError::AccessLog(error) => write!(f, "cannot open the access log: {error}"),
            StartError::Threads(error) => write!(f, "cannot start the request threads: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A server that runs until it is stopped. Dropping it leaves it running.
pub struct RunningServer {
    workers: Arc<Workers>,
    admin: Option<Admin>,
    admin_listener: Option<TcpListener>,
}

/// How long the last lines of the access log may take to be written.
const LOG_GRACE: Duration = Duration::from_secs(1);

/// How often a stopping server looks whether its last connection is gone.
const STOP_CHECK: Duration = Duration::from_millis(2);

impl RunningServer {
    /// The address that clients can connect to, with its real port.
    pub fn address(&self) -> SocketAddr {
        self.workers.address()
    }

    /// Serves other tenants from now on, without a pause: requests that have begun keep
    /// the handlers they were for. A tenant, and a route of one, goes on as the one with
    /// the same name before it: who runs or waits still counts.
    ///
    /// # Errors
    ///
    /// [`CatalogError`]; nothing has changed then.
    pub fn replace(&self, tenants: impl IntoIterator<Item = Tenant>) -> Result<(), CatalogError> {
        self.workers.replace(tenants.into_iter().collect())
    }

    /// Shows clients that connect from now on another certificate. Those that are here
    /// keep their sessions. A server that spoke plain HTTP speaks TLS from now on.
    pub fn replace_tls(&self, tls: Tls) {
        self.workers.replace_tls(tls);
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
        self.workers.listener()
    }

    /// The listening socket for operators, likewise.
    ///
    /// # Errors
    ///
    /// The system's: no descriptor is left.
    pub fn admin_listener(&self) -> io::Result<Option<TcpListener>> {
        self.admin_listener.as_ref().map(TcpListener::try_clone).transpose()
    }

    /// Opens the file of the access log again by its name, as after a rotation.
    ///
    /// # Errors
    ///
    /// The system's; the log goes on in the file that it has.
    pub fn reopen_access_log(&self) -> io::Result<()> {
        self.workers.service().access_log.as_ref().map_or(Ok(()), Log::reopen)
    }

    /// Has the metrics count that others were to be served and could not even be made.
    pub fn count_failed_reload(&self) {
        self.workers.service().metrics.reloads.count_failed();
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.workers.connections()
    }

    /// How many complete requests wait in line for others to end.
    pub fn waiting(&self) -> usize {
        self.workers.waiting()
    }

    /// Refuses new clients, serves those that are here for at most `timeout`, and ends.
    /// Returns how many connections were cut off.
    ///
    /// A handler that still runs then is not waited for; its own deadline ends it.
    pub fn stop(&self, timeout: Duration) -> usize {
        self.workers.stop();
        let cut = self.drain(timeout);
        if let Some(admin) = &self.admin {
            admin.end();
        }
        if cut == 0 {
            self.join();
        }
        self.finish_log();
        cut
    }

    /// As [`RunningServer::stop`], but new clients are left to whoever else has the
    /// listening socket: none is refused. Operators are listened to until the process
    /// ends, as their socket is somebody else's, too.
    pub fn leave(&self, timeout: Duration) -> usize {
        self.workers.leave();
        let cut = self.drain(timeout);
        if cut == 0 {
            self.workers.join();
        }
        self.finish_log();
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
        cut
    }

    fn finish_log(&self) {
        if let Some(log) = &self.workers.service().access_log {
            log.finish(LOG_GRACE);
        }
    }

    /// Waits until the server's threads have ended.
    pub fn join(&self) {
        self.workers.join();
        if let Some(admin) = &self.admin {
            admin.end();
            admin.join();
        }
    }
}
