//! What a server shall do, complete and checked.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::position::Position;
use crate::http1::Limits;
use crate::service::{
    DEFAULT_MAX_BUFFERED, DEFAULT_MAX_CONCURRENT_REQUESTS, DEFAULT_MAX_CONNECTIONS,
    DEFAULT_MAX_QUEUE,
};
use crate::{CompileLimits, Directory, KeepAlive, Rate, Sandbox, Source, Timeouts};

/// A server and its tenants. Every default has been filled in; an `Option` that is
/// `None` means that there is no such bound.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What all tenants share.
    pub server: ServerPlan,
    /// Those who are served, in the order in which the files have them.
    pub tenants: Vec<TenantPlan>,
    /// The files that the plan was read from, if it was.
    pub files: Vec<PathBuf>,
    /// The folders in which other files would belong to it, too.
    pub folders: Vec<PathBuf>,
    /// Where those keys of `[server]` are written that only serving can judge in full: what is
    /// in the files that they name, and whether there is such a user.
    pub written: BTreeMap<&'static str, Position>,
}

impl Plan {
    /// The routes of all tenants.
    pub fn routes(&self) -> impl Iterator<Item = &RoutePlan> {
        self.tenants.iter().flat_map(|tenant| &tenant.routes)
    }

    /// The same plan, with each granted folder by the path without links that leads there now.
    /// No other is found later, wherever links lead then.
    pub fn resolved(mut self) -> Plan {
        let routes = self.tenants.iter_mut().flat_map(|tenant| &mut tenant.routes);
        for folder in routes.flat_map(|route| &mut route.directories) {
            *folder = folder.resolved();
        }
        self
    }
}

/// What all tenants share: sockets, connections, and the bounds on all together.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerPlan {
    /// Where clients connect; never empty.
    pub addresses: Vec<SocketAddr>,
    /// Where the operator looks, if anywhere.
    pub admin_address: Option<SocketAddr>,
    /// The file of the token that the operator must send, if one is wanted.
    pub admin_token_file: Option<PathBuf>,
    /// The log of requests, if one is kept.
    pub access_log: Option<AccessLog>,
    /// Whether connections persist over several requests.
    pub keep_alive: bool,
    /// How long a persistent connection may be idle between two requests.
    pub idle_timeout: Duration,
    /// How many requests a persistent connection may have; at least 1.
    pub max_requests_per_connection: u32,
    /// How long a client may take to send the head of its request.
    pub head_timeout: Duration,
    /// How long a client may take to send a body; a second more for every 16 KiB.
    pub body_timeout: Duration,
    /// How long a client may take to receive a response; a second more for every 16 KiB.
    pub write_timeout: Duration,
    /// How many connections there may be; at least 1.
    pub max_connections: u32,
    /// How many bytes of requests and responses all connections may hold in sum.
    pub max_buffered: usize,
    /// How many requests may run at once, of all tenants together; 1 to 10 000.
    pub max_concurrent_requests: usize,
    /// How many requests may wait, of all tenants together.
    pub max_queue: usize,
    /// How long those who are connected are still served when the server shall stop.
    pub shutdown_timeout: Duration,
    /// Where compiled components are kept; `None` for the user's cache folder.
    pub cache_dir: Option<PathBuf>,
    /// How long a component may take to compile; a second more for every 256 KiB.
    pub compile_timeout: Duration,
    /// How much address space its compiler may have, in bytes.
    pub compile_memory: usize,
    /// The user, and perhaps the group (`NAME:GROUP`), that the process becomes once its
    /// sockets are bound.
    pub user: Option<String>,
    /// What the process gives up before it loads handlers.
    pub confine: Confine,
    /// The certificate chain and the private key, both as PEM files, to serve TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
}

impl Default for ServerPlan {
    /// What the command line does without flags: 127.0.0.1:8080, one request for each
    /// connection, 64 requests at once and 1024 in line.
    fn default() -> Self {
        let (keep_alive, timeouts) = (KeepAlive::default(), Timeouts::default());
        let compile = CompileLimits::default();
        ServerPlan {
            addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))],
            admin_address: None,
            admin_token_file: None,
            access_log: None,
            keep_alive: false,
            idle_timeout: keep_alive.idle,
            max_requests_per_connection: keep_alive.max_requests,
            head_timeout: timeouts.head,
            body_timeout: timeouts.body,
            write_timeout: timeouts.write,
            max_connections: DEFAULT_MAX_CONNECTIONS,
            max_buffered: DEFAULT_MAX_BUFFERED,
            max_concurrent_requests: DEFAULT_MAX_CONCURRENT_REQUESTS,
            max_queue: DEFAULT_MAX_QUEUE,
            shutdown_timeout: Duration::from_secs(10),
            cache_dir: None,
            compile_timeout: compile.time,
            compile_memory: usize::try_from(compile.memory).unwrap_or(usize::MAX),
            user: None,
            confine: Confine::default(),
            tls: None,
        }
    }
}

impl ServerPlan {
    /// How many requests of one tenant may run at once, when its table does not say: a
    /// quarter of the server's, at least 1.
    pub fn fair_share(&self) -> usize {
        (self.max_concurrent_requests / 4).max(1)
    }
}

/// A log with one line for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where the lines go.
    pub target: LogTarget,
    /// How a line is written.
    pub format: LogFormat,
}

/// Where a log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTarget {
    /// To standard output.
    Stdout,
    /// To standard error.
    Stderr,
    /// To the end of this file.
    File(PathBuf),
}

/// What a process gives up before it loads handlers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confine {
    /// Nothing.
    Off,
    /// Privileges, system calls that serving never makes, and connections to others.
    #[default]
    On,
    /// That, and all files but those that the plan names when the process starts.
    Files,
}

/// How a line of a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// The Combined Log Format, and more fields.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Someone who is served: hosts, routes, and the bounds on all requests to them.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantPlan {
    /// The name: 1 to 64 of `a-z`, `0-9`, `-`, `_` and `.`, a letter or a digit first.
    pub name: String,
    /// Host names in lower case, without port: exact, or `*.` and the end of the name.
    /// Empty for every host that no other tenant has.
    pub hosts: Vec<String>,
    /// How many bytes of memory its live instances may have in sum.
    pub max_memory_total: Option<usize>,
    /// How many of its requests may run at once; 1 to the server's.
    pub max_concurrent_requests: usize,
    /// How many of its requests may wait for others of its to end.
    pub max_queue: usize,
    /// How many requests may come in a second; 0.001 to a million.
    pub rate: Option<Rate>,
    /// How many bytes a second its guests may log.
    pub log_quota: Option<usize>,
    /// Its handlers, by path; never empty, no two for the same paths.
    pub routes: Vec<RoutePlan>,
}

impl TenantPlan {
    /// How many requests of a tenant may wait, when its table does not say.
    pub const DEFAULT_MAX_QUEUE: usize = 128;
    /// How many bytes a second the guests of a tenant may log, when its table does not
    /// say.
    pub const LOG_QUOTA: usize = 1 << 20;

    /// A tenant that may use a fair share of `server`.
    pub fn new(name: impl Into<String>, server: &ServerPlan, routes: Vec<RoutePlan>) -> TenantPlan {
        TenantPlan {
            name: name.into(),
            hosts: Vec::new(),
            max_memory_total: None,
            max_concurrent_requests: server.fair_share(),
            max_queue: TenantPlan::DEFAULT_MAX_QUEUE,
            rate: None,
            log_quota: Some(TenantPlan::LOG_QUOTA),
            routes,
        }
    }
}

/// The handler of some paths, with its grants and its bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct RoutePlan {
    /// The paths: exact like `/x`, a prefix like `/x/...` (`/x` and all below), and
    /// `:name` for any one segment. As meant: not percent-encoded.
    pub path: String,
    /// Where the handler comes from.
    pub source: Source,
    /// Where that is written, if it was read from a file.
    pub written: Option<Position>,
    /// The arguments of the handler, in order.
    pub args: Vec<String>,
    /// The environment variables that the guest sees, in the order of the file.
    pub environment: Vec<(String, String)>,
    /// The folders that the guest may open.
    pub directories: Vec<Directory>,
    /// How long a request may take, in wall-clock time.
    pub timeout: Duration,
    /// How much time on a CPU a request may take.
    pub cpu_time: Option<Duration>,
    /// How many bytes of memory an instance may have; 64 KiB to 4 GiB.
    pub max_memory: usize,
    /// How many bytes the body of a request may have.
    pub max_body_size: u64,
    /// How many bytes a response may have, headers and data together.
    pub max_response_size: usize,
    /// How many bytes a request may log.
    pub max_output: usize,
    /// How many requests may run at once; 1 to the tenant's.
    pub max_concurrent_requests: Option<usize>,
    /// How many requests may wait for others of this route to end; at most the tenant's.
    pub max_queue: Option<usize>,
    /// How many requests may come in a second; 0.001 to a million.
    pub rate: Option<Rate>,
}

impl RoutePlan {
    /// A route with the limits of [`Sandbox::default`], and no grants.
    pub fn new(path: impl Into<String>, source: Source) -> RoutePlan {
        let sandbox = Sandbox::default();
        RoutePlan {
            path: path.into(),
            source,
            written: None,
            args: Vec::new(),
            environment: Vec::new(),
            directories: Vec::new(),
            timeout: sandbox.timeout,
            cpu_time: sandbox.cpu_time,
            max_memory: sandbox.max_memory,
            max_body_size: Limits::default().body_bytes,
            max_response_size: sandbox.max_response,
            max_output: sandbox.max_output,
            max_concurrent_requests: None,
            max_queue: None,
            rate: None,
        }
    }

    /// The folders that the guest may write in.
    pub fn writable(&self) -> impl Iterator<Item = &Path> {
        self.directories.iter().filter(|folder| folder.writable).map(|folder| &*folder.host)
    }

    /// Whether it is the embedded handler, without the folder that it serves the files of.
    pub fn has_nothing_to_serve(&self) -> bool {
        self.source == Source::Static && !self.directories.iter().any(|folder| folder.guest == "/")
    }
}
