//! What a server shall do, complete and checked.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use super::position::Position;
use crate::http1::Limits;
use crate::{CompileLimits, KeepAlive, Quota, Sandbox, Source, Timeouts, Totals};

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

    /// Whether handlers are built from their projects, which takes `cargo` and the network.
    pub fn builds(&self) -> bool {
        self.routes().any(|route| matches!(route.source, Source::Folder(_)))
    }

    /// The same plan, with each granted folder by the path without links that leads there now.
    /// No other is found later, wherever links lead then.
    pub fn resolved(mut self) -> Plan {
        let routes = self.tenants.iter_mut().flat_map(|tenant| &mut tenant.routes);
        for folder in routes.flat_map(|route| &mut route.sandbox.directories) {
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
    /// For how long connections persist over several requests, if they do; `max_requests` is at
    /// least 1.
    pub keep_alive: Option<KeepAlive>,
    /// How long clients may take, and how long requests may wait.
    pub timeouts: Timeouts,
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
    /// What it may take to compile a component.
    pub compile: CompileLimits,
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
        ServerPlan {
            addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))],
            admin_address: None,
            admin_token_file: None,
            access_log: None,
            keep_alive: None,
            timeouts: Timeouts::default(),
            max_connections: 20_000,
            max_buffered: 512 << 20,
            max_concurrent_requests: 64,
            max_queue: 1024,
            shutdown_timeout: Duration::from_secs(10),
            cache_dir: None,
            compile: CompileLimits::default(),
            user: None,
            confine: Confine::default(),
            tls: None,
        }
    }
}

impl ServerPlan {
    /// The file of the access log, if it goes to one.
    pub fn access_log_file(&self) -> Option<&Path> {
        match &self.access_log.as_ref()?.target {
            LogTarget::File(path) => Some(path),
            LogTarget::Stdout | LogTarget::Stderr => None,
        }
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

impl LogTarget {
    /// What is meant by `name`: `stdout` and `stderr` are the standard streams.
    pub fn named(name: impl Into<PathBuf>) -> LogTarget {
        let path = name.into();
        match path.to_str() {
            Some("stdout") => LogTarget::Stdout,
            Some("stderr") => LogTarget::Stderr,
            _ => LogTarget::File(path),
        }
    }
}

/// What a process gives up before it loads handlers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Confine {
    /// Nothing.
    Off,
    /// Privileges, system calls that serving never makes, and connections to others.
    #[default]
    On,
    /// That, and all files but those that are named when the process starts; SIGHUP
    /// cannot name others.
    Files,
}

/// How a line of a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
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
    /// What all its routes may have together: 1 to the server's requests at once, and 0.001 to a
    /// million a second.
    pub totals: Totals,
    /// Its handlers, by path; never empty, no two for the same paths.
    pub routes: Vec<RoutePlan>,
}

impl TenantPlan {
    /// A tenant that may use a fair share of `server`: a quarter of its requests at once, at least
    /// 1, with 128 in line. Its guests may log 1 MiB a second.
    pub fn new(name: impl Into<String>, server: &ServerPlan, routes: Vec<RoutePlan>) -> TenantPlan {
        let quota = Quota {
            max_concurrent_requests: (server.max_concurrent_requests / 4).max(1),
            max_queue: 128,
            rate: None,
        };
        let totals = Totals { quota, max_memory: None, log_rate: Some(1 << 20) };
        TenantPlan { name: name.into(), hosts: Vec::new(), totals, routes }
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
    /// What the handler may use for a request; 64 KiB to 4 GiB of memory.
    pub sandbox: Sandbox,
    /// How many bytes the body of a request may have.
    pub max_body_size: u64,
    /// What the route may have of what its tenant has: at least 1 request at once, and 0.001 to a
    /// million a second.
    pub quota: Quota,
}

impl RoutePlan {
    /// A route with the limits of [`Sandbox::default`] and [`Quota::default`], and no grants.
    pub fn new(path: impl Into<String>, source: Source) -> RoutePlan {
        RoutePlan {
            path: path.into(),
            source,
            written: None,
            args: Vec::new(),
            sandbox: Sandbox::default(),
            max_body_size: Limits::default().body_bytes,
            quota: Quota::default(),
        }
    }

    /// The folders that the guest may write in.
    pub fn writable(&self) -> impl Iterator<Item = &Path> {
        let folders = self.sandbox.directories.iter();
        folders.filter(|folder| folder.writable).map(|folder| &*folder.host)
    }

    /// Whether it is the embedded handler, without the folder that it serves the files of.
    pub fn has_nothing_to_serve(&self) -> bool {
        let mut folders = self.sandbox.directories.iter();
        self.source == Source::Static && !folders.any(|folder| folder.guest == "/")
    }
}
