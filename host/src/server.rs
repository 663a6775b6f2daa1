//! A server: an address, a handler and the threads that bring them together.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::access_log::Log;
use crate::admin::Admin;
use crate::config::{AccessLog, ServerPlan};
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::observer::Observer;
use crate::service::{MAX_CONCURRENT_REQUESTS, Records, Service, Settings};
use crate::workers::Workers;
use crate::{
    AdminToken, BoundSocket, Cache, Handler, KeepAlive, Outcome, Quota, Route, RunningServer,
    Socket, StartError, Tenant, Timeouts, Tls, http1,
};

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
    /// No addresses stand for the default one. Of the files, only the access log counts.
    plan: ServerPlan,
    limits: http1::Limits,
    request_ids: bool,
    socket: Option<Socket>,
    tls: Option<Tls>,
    threads: bool,
    admin: Option<(SocketAddr, Option<AdminToken>)>,
    admin_socket: Option<Socket>,
    cache: Option<Cache>,
    observer: Option<Observer>,
    loading: bool,
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer")
            .field("tenants", &self.tenants)
            .field("plan", &self.plan)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl HttpServer {
    /// A server for one handler, on 127.0.0.1:8080 unless told otherwise.
    pub fn new(handler: impl Handler) -> HttpServer {
        HttpServer::of_tenants([Tenant::new("default").route(Route::new("/...", handler))])
    }

    /// A server for many, on 127.0.0.1:8080 unless told otherwise.
    pub fn of_tenants(tenants: impl IntoIterator<Item = Tenant>) -> HttpServer {
        HttpServer {
            tenants: tenants.into_iter().collect(),
            plan: ServerPlan { addresses: Vec::new(), ..ServerPlan::default() },
            limits: http1::Limits::default(),
            request_ids: false,
            socket: None,
            tls: None,
            threads: true,
            admin: None,
            admin_socket: None,
            cache: None,
            observer: None,
            loading: false,
        }
    }

    /// A server that is set up as a plan says: its addresses, timeouts and bounds, whether
    /// connections persist, and its access log. What needs files, rights or signals is the
    /// caller's, and is not done here: TLS, the listener for operators, the cache, the user and
    /// confinement, reloading and stopping.
    pub fn of_plan(plan: &ServerPlan, tenants: impl IntoIterator<Item = Tenant>) -> HttpServer {
        HttpServer { plan: plan.clone(), ..HttpServer::of_tenants(tenants) }
    }

    /// Listens on a port of 127.0.0.1; on any free one if it is 0. Given more than one
    /// port or address, the server uses the first that is free.
    pub fn port(self, port: u16) -> HttpServer {
        self.address((Ipv4Addr::LOCALHOST, port).into())
    }

    /// Listens on an address, or on the first of several that is free.
    pub fn address(mut self, address: SocketAddr) -> HttpServer {
        self.plan.addresses.push(address);
        self
    }

    /// Listens with a socket that there is already, in place of all addresses. A process that
    /// binds with privileges can so give them up before it loads handlers; and one that
    /// listens can share its socket with others, or pass it on. One that listens already counts as
    /// shared, so that a stop refuses nobody there, until [`RunningServer::own_listener`]
    /// says otherwise.
    pub fn socket(mut self, socket: impl Into<Socket>) -> HttpServer {
        self.socket = Some(socket.into());
        self
    }

    /// The arguments that handlers get with each request: those of the routes that are there
    /// and have none yet, of their own ([`Route::args`]) or by this. Tenants that take their place
    /// ([`RunningServer::replace`]) bring theirs along. Closures see none.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> HttpServer {
        let args: Arc<[String]> = args.into_iter().map(Into::into).collect();
        let routes = self.tenants.iter_mut().flat_map(|tenant| &mut tenant.routes);
        for route in routes.filter(|route| route.args.is_empty()) {
            route.args = Arc::clone(&args);
        }
        self
    }

    /// Whether requests are handled by many threads at once, which is the default, or
    /// strictly one after another, whatever [`HttpServer::max_concurrent_requests`] says.
    pub fn threads(mut self, threads: bool) -> HttpServer {
        self.threads = threads;
        self
    }

    /// How many requests may be handled at once; 64 unless told otherwise, from 1 to 10 000. Each
    /// has a thread with a stack of 2 MiB of address space, from the start. Components have room
    /// for as many as their [`Engine`](crate::Engine) was made for.
    pub fn max_concurrent_requests(mut self, count: usize) -> HttpServer {
        self.plan.max_concurrent_requests = count;
        self
    }

    /// How many complete requests may wait in line for others to end; 1024 unless told
    /// otherwise. Those over it are answered with 503.
    pub fn max_queue(mut self, count: usize) -> HttpServer {
        self.plan.max_queue = count;
        self
    }

    /// How many connections there may be; 20 000 unless told otherwise. Those over it are
    /// closed as they come.
    pub fn max_connections(mut self, count: usize) -> HttpServer {
        self.plan.max_connections = u32::try_from(count).unwrap_or(u32::MAX);
        self
    }

    /// How many bytes of requests and responses may be held for all connections together;
    /// 512 MiB unless told otherwise. Bodies that come when there are more are answered
    /// with 503; a tenant among several has half of it at the most, so larger bodies
    /// and responses are never let through. While more than half is held, clients that send
    /// nothing for 2 seconds, or take nothing for 10, are not waited for.
    pub fn max_buffered(mut self, bytes: usize) -> HttpServer {
        self.plan.max_buffered = bytes;
        self
    }

    /// The sizes that a request may have.
    pub fn limits(mut self, limits: http1::Limits) -> HttpServer {
        self.limits = limits;
        self
    }

    /// How long each stage of a connection may last.
    pub fn timeouts(mut self, timeouts: Timeouts) -> HttpServer {
        self.plan.timeouts = timeouts;
        self
    }

    /// Lets connections of HTTP/1.1 clients persist over several requests. Without it, which
    /// is the default, every connection is closed after one.
    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> HttpServer {
        self.plan.keep_alive = Some(keep_alive);
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
        self.request_ids = request_ids;
        self
    }

    /// Whether handlers are still being loaded when it starts, until
    /// [`RunningServer::set_loading`] says otherwise. Operators are told so (`/readyz`).
    pub fn loading(mut self, loading: bool) -> HttpServer {
        self.loading = loading;
        self
    }

    /// Keeps a log with one line for each request.
    pub fn access_log(mut self, log: AccessLog) -> HttpServer {
        self.plan.access_log = Some(log);
        self
    }

    /// Has this called with the [`Outcome`] of each request, once its answer is ready and before
    /// it is sent: handled, refused or unreadable ones, but none that a stop cuts off. It must
    /// not wait for anything: all clients may wait with it, and who stops the server, on whose
    /// thread it may be called, too.
    pub fn observer(
        mut self,
        observe: impl Fn(&Outcome<'_>) + Send + Sync + 'static,
    ) -> HttpServer {
        self.observer = Some(Observer::new(observe));
        self
    }

    /// Listens for operators, too: `/healthz`, `/readyz`, `/metrics`, `/status`, `/log` and
    /// a page for people at `/`. With a token, whoever has it may see more than the first
    /// two; without one, whoever can connect: on a loopback address, whatever runs here.
    pub fn admin(mut self, address: SocketAddr, token: Option<AdminToken>) -> HttpServer {
        self.admin = Some((address, token));
        self
    }

    /// Listens for operators with a socket that there is already, in place of the address that
    /// [`HttpServer::admin`] was given; without that, nobody listens for operators.
    pub fn admin_socket(mut self, socket: impl Into<Socket>) -> HttpServer {
        self.admin_socket = Some(socket.into());
        self
    }

    /// Reports this cache's hits, misses and compilations in the metrics.
    pub fn report_cache(mut self, cache: &Cache) -> HttpServer {
        self.cache = Some(cache.clone());
        self
    }

    /// Binds what is not bound, listens and starts the threads. Clients that connect from now on
    /// are served.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn start(self) -> Result<RunningServer, StartError> {
        let mut plan = self.plan;
        if plan.addresses.is_empty() {
            plan.addresses = ServerPlan::default().addresses;
        }
        let most = if self.threads { MAX_CONCURRENT_REQUESTS } else { 1 };
        let max_running = plan.max_concurrent_requests.clamp(1, most);
        let quota =
            Quota { max_concurrent_requests: max_running, max_queue: plan.max_queue, rate: None };
        let settings = Settings {
            limits: self.limits,
            timeouts: plan.timeouts,
            keep_alive: plan.keep_alive,
            max_connections: plan.max_connections.max(1) as usize,
            max_buffered: plan.max_buffered,
            request_ids: self.request_ids,
        };
        let records = Records {
            metrics: Metrics::new(self.cache.map(|cache| cache.uses())),
            access_log: plan
                .access_log
                .map(Log::start)
                .transpose()
                .map_err(StartError::AccessLog)?,
            journals: self.admin.is_some(),
            observer: self.observer,
        };
        let service =
            Service::new(self.tenants, settings, quota, records).map_err(StartError::Catalog)?;
        service.loading.store(self.loading, Ordering::Relaxed);
        service.tls.store(self.tls.map(Arc::new));
        let service = Arc::new(service);
        let listen = |(address, token)| {
            let socket = self.admin_socket.map_or_else(|| bind(&[address]), Ok)?;
            Ok((Listener::new(socket)?, token))
        };
        let admin = self.admin.map(listen).transpose().map_err(StartError::Admin)?;
        let socket = self.socket.map_or_else(|| bind(&plan.addresses), Ok);
        let listener = socket.and_then(Listener::new).map_err(StartError::Listen)?;
        let address = listener.address();
        let workers = Workers::start(Arc::clone(&service), listener, max_running)
            .map_err(StartError::Threads)?;
        let start = |(listener, token): (_, Option<AdminToken>)| {
            Admin::start(listener, token.as_ref(), service, address)
        };
        let admin = admin.map(start).transpose().map_err(|error| {
            workers.stop();
            workers.end();
            StartError::Threads(error)
        })?;
        Ok(RunningServer::new(workers, admin))
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

fn bind(addresses: &[SocketAddr]) -> io::Result<Socket> {
    BoundSocket::bind(addresses).map(Socket::Bound)
}
