//! The command line, as typed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use picohttp_host::Directory;
use picohttp_host::config::units::{duration, size};
use tracing::Level;

/// Serves HTTP from sandboxed WebAssembly handlers, a fresh instance for each request.
///
/// HANDLER is a component (a .wasm file), or a folder with a Cargo.toml that is built
/// for wasm32-wasip2 first. Without one, the current folder's files are served, by an
/// embedded handler that is sandboxed like any other. With --config, a file says which
/// handlers are served, for whom.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "picohttp-host",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  picohttp-host                                    the files in this folder
  picohttp-host --port 8080 handler.wasm           a component
  picohttp-host --watch plugins/hello              a Rust project, rebuilt as it changes
  picohttp-host --dir data::/data --env MODE=test handler.wasm
                                                   a component that may read ./data
  picohttp-host --config picohttp.toml             many handlers of many tenants
  picohttp-host check --config picohttp.toml       all that is wrong with them

Sizes are bytes, or like 64KiB, 16MiB, 10MB. Durations are seconds, or like 500ms, 10s, 1m.

Signals: HUP reads the configuration again. USR2 puts a new process in the place of this
one, as nginx does: the program is started anew with the listening sockets, and when it
serves, this process finishes its requests and ends; no client is refused. INT and TERM
finish requests and end.

A listening socket that was passed by systemd (LISTEN_FDS) is used unless --addr or
--port is given. READY, RELOADING and STOPPING are told to NOTIFY_SOCKET.

Exit codes: 0 after a stop by signal, 1 for a failure, 2 for a wrong command line, 130 or
143 after a second INT or TERM, 134 if the clock stands still that ends handlers."
)]
pub struct Options {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub serve: Serve,

    /// Log more: each request (-v), and the host's own steps (-vv)
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Log less: only warnings (-q), and only errors (-qq)
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose", global = true)]
    pub quiet: u8,
}

/// What to do other than serve.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Say all that is wrong with a configuration and its components, and what each
    /// component imports
    Check {
        /// The configuration
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        config: PathBuf,
    },

    /// Compile the component on standard input; see `compiling`
    #[command(hide = true)]
    CompileStdin,
}

/// What to serve, and how.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// The handler: a .wasm file, or a folder with a Cargo.toml
    #[arg(value_hint = ValueHint::AnyPath)]
    pub handler: Option<PathBuf>,

    /// Serve what this file says instead (docs/configuration.md); SIGHUP reads it again
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = [
        "handler", "port", "addr", "arg", "dir", "env", "sequential", "keep_alive", "timeout",
        "cpu_time", "max_memory", "max_body_size", "max_response_size",
        "max_concurrent_requests", "max_queue", "max_connections", "max_buffered",
        "head_timeout", "body_timeout", "write_timeout", "idle_timeout",
        "max_requests_per_connection", "shutdown_timeout", "cache_dir", "compile_timeout",
        "compile_memory", "admin_addr", "admin_token_file", "access_log", "access_log_format",
        "tls_cert", "tls_key", "user", "confine",
    ])]
    pub config: Option<PathBuf>,

    /// Listen on this port of 127.0.0.1; repeat to use the first that is free, 0 for any
    /// [default: 8080]
    #[arg(short, long, value_name = "PORT")]
    pub port: Vec<u16>,

    /// Listen on this address instead, such as 0.0.0.0:80 or [::1]:8080; repeatable
    #[arg(long, value_name = "IP:PORT", conflicts_with = "port")]
    pub addr: Vec<SocketAddr>,

    /// Pass an argument to the handler; repeatable, in order
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    pub arg: Vec<String>,

    /// Let the handler open a folder, read-only unless `rw`; GUEST is what the handler
    /// calls it, HOST unless given; repeatable
    #[arg(long, value_name = "HOST[::GUEST[::rw]]", value_parser = directory)]
    pub dir: Vec<Directory>,

    /// Let the handler see an environment variable, the host's own without VALUE;
    /// repeatable
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = variable)]
    pub env: Vec<(String, String)>,

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
    pub confine: Confinement,

    /// Say what the process gives up here, and end
    #[arg(long, help_heading = "Confinement")]
    pub show_confinement: bool,

    /// Let the operator look at this address: /metrics, /status, /healthz, /readyz, and a
    /// page that shows it all at /
    #[arg(long, value_name = "IP:PORT", help_heading = "Watching")]
    pub admin_addr: Option<SocketAddr>,

    /// The operator must send what is in this file, as a bearer token
    #[arg(long, value_name = "FILE", requires = "admin_addr", help_heading = "Watching",
          value_hint = ValueHint::FilePath)]
    pub admin_token_file: Option<PathBuf>,

    /// Log each request to this file, or to `stderr`; SIGHUP opens the file again
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
    pub access_log_format: Format,

    /// How long the handler may take for a request
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration,
          help_heading = "Limits")]
    pub timeout: Duration,

    /// How long a processor may be busy with a request [default: as long as it takes]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Limits")]
    pub cpu_time: Option<Duration>,

    /// How much memory an instance may have, all its memories together
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size,
          help_heading = "Limits")]
    pub max_memory: usize,

    /// The largest request body
    #[arg(long, value_name = "SIZE", default_value = "10MiB", value_parser = size,
          help_heading = "Limits")]
    pub max_body_size: usize,

    /// The largest response
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = size,
          help_heading = "Limits")]
    pub max_response_size: usize,

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
          help_heading = "Limits")]
    pub idle_timeout: Duration,

    /// With --keep-alive: how many requests a connection may have
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, help_heading = "Limits",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_requests_per_connection: u32,

    /// How long the handler may take to compile, and a second more for every 512 KiB of it; on
    /// busy processors up to four times as long
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration,
          help_heading = "Limits")]
    pub compile_timeout: Duration,

    /// How much address space the compiler may have
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = size,
          help_heading = "Limits")]
    pub compile_memory: usize,

    /// How long to serve those who are connected after SIGINT or SIGTERM; a second
    /// signal ends at once
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub shutdown_timeout: Duration,

    /// Compile the handler at every start instead of keeping it compiled
    #[arg(long)]
    pub no_cache: bool,

    /// Keep compiled handlers here [default: ~/.cache/picohttp-host]; up to 2 GiB, then those
    /// go that were used longest ago
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_cache")]
    pub cache_dir: Option<PathBuf>,
}

/// How a line of the access log is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// The Combined Log Format, and more fields
    Text,
    /// A JSON object
    Json,
}

/// What the process gives up.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Confinement {
    /// Nothing
    Off,
    /// Privileges, system calls that serving never makes, and connections to others
    On,
    /// That, and all files but those that are named now; SIGHUP cannot name others
    Files,
}

impl Options {
    /// The least important level that is logged.
    pub fn level(&self) -> Level {
        match (self.quiet, self.verbose) {
            (0, 0) => Level::INFO,
            (0, 1) => Level::DEBUG,
            (0, _) => Level::TRACE,
            (1, _) => Level::WARN,
            (_, _) => Level::ERROR,
        }
    }
}

fn directory(text: &str) -> Result<Directory, String> {
    picohttp_host::config::directory(text, Path::new(""))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, std::env::var(text).ok()),
    };
    if name.is_empty() {
        return Err("the variable's name is missing".to_owned());
    }
    let value = value.ok_or_else(|| format!("{name} is not set here; write {name}=VALUE"))?;
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn folders_are_read_only_unless_told_otherwise() {
        let granted = |text: &str| directory(text).map(|dir| (dir.guest, dir.writable));
        assert_eq!(granted("src"), Ok(("src".to_owned(), false)));
        assert_eq!(granted("src::/data"), Ok(("/data".to_owned(), false)));
        assert_eq!(granted("src::/data::rw"), Ok(("/data".to_owned(), true)));
        for wrong in ["", "src::/data::rx", "src::/data::rw::", "no-such-folder", "Cargo.toml"] {
            assert!(granted(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn variables_have_a_value_or_are_inherited() {
        assert_eq!(variable("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(
            variable("CARGO_PKG_NAME"),
            Ok(("CARGO_PKG_NAME".to_owned(), "picohttp-host".to_owned()))
        );
        assert!(variable("=b").is_err());
        assert!(variable("PICOHTTP_NO_SUCH_VARIABLE").is_err());
    }
}
