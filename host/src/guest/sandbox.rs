//! What one handler may use: its limits and its grants.

use std::path::PathBuf;
use std::time::Duration;

/// The bounds and grants of one handler, for every request anew. What is not granted
/// does not exist for the guest: no file, no variable, no socket, no input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// How long a request may take, from instantiation to answer, by the clock on
    /// the wall.
    pub timeout: Duration,
    /// How long a processor may be busy with a request, if there is a bound other than
    /// the timeout. It is looked at every 10 milliseconds.
    pub cpu_time: Option<Duration>,
    /// How much memory all linear memories of an instance may have in sum, in bytes.
    /// At most the engine's.
    pub max_memory: usize,
    /// How large a response may be, headers and data together, in bytes.
    pub max_response: usize,
    /// How much output may reach the log for one request, in bytes; half of it for each
    /// of the two streams. A line counts as it is logged, with 150 bytes and the names of its
    /// tenant and route.
    pub max_output: usize,
    /// The folders that the guest may open.
    pub directories: Vec<Directory>,
    /// The environment variables that the guest sees.
    pub environment: Vec<(String, String)>,
}

impl Default for Sandbox {
    /// 10 seconds, 64 MiB of memory, 16 MiB of response, 256 KiB of output; no
    /// folders and no variables.
    fn default() -> Self {
        Sandbox {
            timeout: Duration::from_secs(10),
            cpu_time: None,
            max_memory: 64 << 20,
            max_response: 16 << 20,
            max_output: 256 << 10,
            directories: Vec::new(),
            environment: Vec::new(),
        }
    }
}

/// A folder that a guest may open.
///
/// It is found by its path whenever a guest first asks for its folders, and a path with a link in
/// it leads nowhere: a guest that may write in a folder above this one could have put it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Where it is on the host, by a path without links ([`Directory::resolved`]).
    pub host: PathBuf,
    /// What the guest calls it.
    pub guest: String,
    /// Whether the guest may change what is in it.
    pub writable: bool,
}

impl Directory {
    /// The same folder, by the path without links that leads there now.
    pub fn resolved(&self) -> Directory {
        let host = self.host.canonicalize().unwrap_or_else(|_| self.host.clone());
        Directory { host, ..self.clone() }
    }
}
