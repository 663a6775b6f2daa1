//! Who is asked: how each server is started, which version it is, and what it cannot do.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::files::Files;
use crate::mix;
use crate::workloads::Workload;

/// A way to set up one server.
pub struct Server {
    pub name: &'static str,
    /// What it runs, and for how long.
    pub about: &'static str,
    /// The version that is installed, or `None` if it is not.
    pub version: fn() -> Option<String>,
    /// How to get it.
    pub install: &'static str,
    /// Whether it runs WebAssembly.
    pub is_wasm: bool,
    connections: &'static [Connection],
    lacks: &'static [&'static str],
    /// The command that serves until it is killed.
    pub command: fn(&Place) -> Result<Command>,
}

/// Whether a client asks again on the same connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    KeepAlive,
    Close,
}

pub const BOTH: &[Connection] = &[Connection::KeepAlive, Connection::Close];

/// What a server is started with.
pub struct Place<'a> {
    pub port: u16,
    pub workload: &'a Workload,
    pub connection: Connection,
    pub files: &'a Files,
    /// An empty folder of its own.
    pub folder: &'a Path,
}

/// The first is what the others are compared with.
pub const SERVERS: &[Server] = &[
    Server {
        name: "picohttp-host",
        about: "a fresh instance for each request; every limit and deadline as shipped",
        version: ours,
        install: "",
        is_wasm: true,
        connections: BOTH,
        lacks: &[],
        command: |place| match place.workload.hosts {
            0 => Ok(picohttp_host(place)),
            _ => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_picohttp-host"));
                command.arg("--config").arg(mix::of_ours(place)?);
                Ok(command)
            }
        },
    },
    Server {
        name: "picohttp-host logging",
        about: "the same with an access log, and a listener for the operator",
        version: ours,
        install: "",
        is_wasm: true,
        connections: BOTH,
        lacks: &["10k", "echo", "cpu", "mix"],
        command: |place| {
            let mut command = picohttp_host(place);
            command.arg("--access-log").arg(place.folder.join("access.log"));
            command.args(["--access-log-format=json", "--admin-addr=127.0.0.1:0"]);
            Ok(command)
        },
    },
    Server {
        name: "picohttp-host native",
        about: "the same host around a closure: no wasm, no sandbox",
        version: ours,
        install: "",
        is_wasm: false,
        connections: BOTH,
        lacks: &["mix"],
        command: |place| {
            let mut command = Command::new(&place.files.native);
            command.args(place.options_of_ours());
            Ok(command)
        },
    },
    Server {
        name: "wasmtime serve",
        about: "a fresh instance for each request; its defaults",
        version: wasmtime,
        install: WASMTIME,
        is_wasm: true,
        connections: BOTH,
        lacks: &["mix"],
        command: |place| Ok(wasmtime_serve(place, &[])),
    },
    Server {
        name: "wasmtime serve tuned",
        about: "a fresh instance for each request; its pool as ours",
        version: wasmtime,
        install: WASMTIME,
        is_wasm: true,
        connections: BOTH,
        lacks: &["mix"],
        command: |place| {
            let tuned = [
                "-Opooling-memory-keep-resident=1048576",
                "-Opooling-table-keep-resident=1048576",
                "-Opooling-pagemap-scan=y",
            ];
            Ok(wasmtime_serve(place, &tuned))
        },
    },
    Server {
        name: "wasmtime serve reused",
        about: "not fresh: an instance answers up to 128 requests",
        version: wasmtime,
        install: WASMTIME,
        is_wasm: true,
        connections: BOTH,
        lacks: &["mix"],
        command: |place| Ok(wasmtime_serve(place, &["--max-instance-reuse-count=128"])),
    },
    Server {
        name: "nginx",
        about: "runs no code: `return 200`; it cannot echo or compute",
        version: || version("nginx", &["-v"]),
        install: "apt install nginx-light, with /usr/sbin on the PATH",
        is_wasm: false,
        connections: BOTH,
        lacks: &["echo", "cpu"],
        command: |place| {
            let mut command = Command::new("nginx");
            command.arg("-p").arg(place.folder).arg("-e").arg("stderr");
            command.arg("-c").arg(place.files.nginx_conf(place)?);
            Ok(command)
        },
    },
    Server {
        name: "workerd",
        about: "not fresh: one V8 isolate for all requests of a handler",
        version: || version("workerd", &["--version"]),
        install: "npm install --global workerd",
        is_wasm: false,
        connections: BOTH,
        lacks: &[],
        command: |place| {
            let mut command = Command::new("workerd");
            command.arg("serve").arg(match place.workload.hosts {
                0 => Files::peer("workerd.capnp"),
                _ => mix::of_workerd(place)?,
            });
            command.arg(format!("--socket-addr=http=127.0.0.1:{}", place.port));
            Ok(command)
        },
    },
    Server {
        name: "picohttp in Python",
        about: "a thread for each connection; it has no keep-alive",
        version: || {
            let script = "import picohttp, importlib.metadata as m, platform as p; \
                          print('picohttp', m.version('picohttp'), 'on Python', p.python_version())";
            version("python3", &["-c", script])
        },
        // The package does not name what it depends on.
        install: "python3 -m pip install picohttp==0.0.5 rutifu==0.0.8",
        is_wasm: false,
        connections: &[Connection::Close],
        lacks: &["mix"],
        command: |place| {
            let mut command = Command::new("python3");
            command.arg(Files::peer("serve_picohttp.py")).arg(place.port.to_string());
            Ok(command)
        },
    },
];

impl Server {
    pub fn is_ours(&self) -> bool {
        SERVERS.first().is_some_and(|ours| ours.name == self.name)
    }

    pub fn can(&self, connection: Connection, workload: &Workload) -> bool {
        self.connections.contains(&connection) && !self.lacks.contains(&workload.name)
    }
}

impl Place<'_> {
    /// Ours close after each answer unless they are told otherwise.
    fn options_of_ours(&self) -> Vec<String> {
        let mut options = vec![format!("--port={}", self.port)];
        options.extend((self.connection == Connection::KeepAlive).then(|| "--keep-alive".into()));
        options
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Connection::KeepAlive => "keep-alive",
            Connection::Close => "close",
        })
    }
}

fn picohttp_host(place: &Place) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_picohttp-host"));
    command.arg(&place.files.handler).arg("--cache-dir").arg(&place.files.cache);
    command.args(place.options_of_ours());
    command
}

const WASMTIME: &str = "cargo install --locked wasmtime-cli@48.0.8";

fn wasmtime_serve(place: &Place, options: &[&str]) -> Command {
    let mut command = Command::new("wasmtime");
    // Without `-Scli` it refuses components that Rust's std is in.
    command.args(["serve", "-Scli"]).args(options).arg(format!("--addr=127.0.0.1:{}", place.port));
    command.arg(&place.files.wasi_http);
    command
}

fn wasmtime() -> Option<String> {
    version("wasmtime", &["--version"])
}

fn ours() -> Option<String> {
    let host = version(env!("CARGO_BIN_EXE_picohttp-host"), &["--version"])?;
    let git = ["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"];
    match version("git", &git) {
        Some(commit) => Some(format!("{host} ({commit})")),
        None => Some(host),
    }
}

/// The first line that a command prints, if it can be run and succeeds.
pub fn version(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).lines().next()?.trim().to_owned())
}
