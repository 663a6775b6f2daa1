//! What to serve, and how.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use picohttp_host::config::units::{duration, size};
use picohttp_host::config::{Confine, LogFormat};

use super::{CompileLimits, Grants, Keeping, Limits};

/// What to serve, and how.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// The handler: a .wasm file, or a folder with a Cargo.toml
    #[arg(value_hint = ValueHint::AnyPath)]
    pub handler: Option<PathBuf>,

    /// Serve what this file says instead (docs/configuration.md); SIGHUP reads it again
    // What it conflicts with is added in `cli::command`.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,

    /// Listen on this port of 127.0.0.1; repeat to use the first that is free, 0 for any
    /// [default: 8080]
    #[arg(short, long, value_name = "PORT")]
    pub port: Vec<u16>,

    /// Listen on this address instead, such as 0.0.0.0:80 or [::]:8080; repeat to use the first
    /// that is free
    #[arg(long, value_name = "IP:PORT", value_parser = address, conflicts_with = "port",
          aliases = ["listen", "bind"])]
    pub addr: Vec<SocketAddr>,

    #[command(flatten)]
    pub grants: Grants,

    /// Handle one request at a time
    #[arg(long, conflicts_with = "max_concurrent_requests")]
    pub sequential: bool,

    /// Let connections of HTTP/1.1 clients persist over several requests
    #[arg(long)]
    pub keep_alive: bool,

    /// Build and load again what has changed: the handler, or the configuration and all
    /// handlers that it names
    #[arg(short, long)]
    pub watch: bool,

    /// Serve TLS with the certificates in this file (PEM), of which the first is the
    /// server's own
    #[arg(long, value_name = "FILE", requires = "tls_key", value_hint = ValueHint::FilePath)]
    pub tls_cert: Option<PathBuf>,

    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert", value_hint = ValueHint::FilePath)]
    pub tls_key: Option<PathBuf>,

    /// Become this user, once the sockets are bound; files are read as that user, now and
    /// at SIGHUP
    #[arg(long, value_name = "NAME[:GROUP]", help_heading = "Confinement")]
    pub user: Option<String>,

    /// What the process gives up before it loads a handler
    #[arg(long, value_name = "WHAT", default_value = "on", help_heading = "Confinement")]
    pub confine: Confine,

    /// Say what the process gives up here, and end
    #[arg(long, help_heading = "Confinement")]
    pub show_confinement: bool,

    /// Let the operator look at this address: /metrics, /status, /healthz, /readyz, and a
    /// page that shows it all at /
    #[arg(long, value_name = "IP:PORT", value_parser = address, help_heading = "Watching")]
    pub admin_addr: Option<SocketAddr>,

    /// The operator must send what is in this file, as a bearer token
    #[arg(long, value_name = "FILE", requires = "admin_addr", help_heading = "Watching",
          value_hint = ValueHint::FilePath)]
    pub admin_token_file: Option<PathBuf>,

    /// Log each request to this file, or to `stdout` or `stderr`; SIGUSR1 or SIGHUP
    /// opens the file again
    #[arg(long, value_name = "FILE", help_heading = "Watching", value_hint = ValueHint::FilePath)]
    pub access_log: Option<PathBuf>,

    /// How each request is logged
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        requires = "access_log",
        help_heading = "Watching"
    )]
    pub access_log_format: LogFormat,

    #[command(flatten)]
    pub limits: Limits,

    /// How many requests may run at once
    #[arg(long, value_name = "COUNT", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = "Limits")]
    pub max_concurrent_requests: u32,

    /// How many requests may wait for others to end; those over it get 503
    #[arg(long, value_name = "COUNT", default_value_t = 1024, help_heading = "Limits")]
    pub max_queue: usize,

    /// How many connections there may be; those over it are closed as they come
    #[arg(long, value_name = "COUNT", default_value_t = 20_000, help_heading = "Limits",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,

    /// How much memory requests and responses may take, all connections together; bodies
    /// over it get 503
    #[arg(long, value_name = "SIZE", default_value = "512MiB", value_parser = size,
          help_heading = "Limits")]
    pub max_buffered: usize,

    /// How long a client may take to send the head of its request
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration,
          help_heading = "Limits")]
    pub head_timeout: Duration,

    /// How long a client may take to send its body, and a second more for every 16 KiB
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration,
          help_heading = "Limits")]
    pub body_timeout: Duration,

    /// How long a client may take to receive its response, and a second more for every
    /// 16 KiB
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration,
          help_heading = "Limits")]
    pub write_timeout: Duration,

    /// With --keep-alive: how long a connection may be idle between requests
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration,
          requires = "keep_alive", help_heading = "Limits")]
    pub idle_timeout: Duration,

    /// With --keep-alive: how many requests a connection may have
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, help_heading = "Limits",
          requires = "keep_alive", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_requests_per_connection: u32,

    #[command(flatten)]
    pub compile_limits: CompileLimits,

    /// How long to serve those who are connected after SIGINT or SIGTERM; a second
    /// signal ends at once
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub shutdown_timeout: Duration,

    #[command(flatten)]
    pub keeping: Keeping,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write IP:PORT, like 127.0.0.1:8080".to_owned())
}
