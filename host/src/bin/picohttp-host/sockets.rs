//! What was passed on to this process as it was started: by systemd, or by the process
//! that it takes the place of. Both do so by systemd's protocol (`LISTEN_FDS`); the latter
//! also gives the descriptors names, which are those below.

use std::env;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail};
use listenfd::ListenFd;
use rustix::net::{AddressFamily, SocketType};
use tracing::warn;

use crate::cli::Serve;

/// Accepts clients, and operators; and tells the process before this one that it can go.
pub const CLIENTS: &str = "clients";
pub const OPERATORS: &str = "operators";
pub const READY: &str = "ready";

/// Sockets that are there already.
#[derive(Default)]
pub struct Sockets {
    pub clients: Option<TcpListener>,
    pub operators: Option<TcpListener>,
    /// Where the process before this one waits to hear that this one serves.
    pub ready: Option<UnixStream>,
}

impl Sockets {
    /// Takes what was passed on, and what tells of it out of the environment. No other
    /// thread may run yet.
    pub fn take() -> Result<Sockets> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut passed = ListenFd::from_env();
        let count = passed.len();
        if !names.split(':').any(|name| name == READY) {
            return match count {
                0 => Ok(Sockets::default()),
                1 => Ok(Sockets { clients: passed.take_tcp_listener(0)?, ..Sockets::default() }),
                _ => bail!("{count} sockets were passed (LISTEN_FDS), and one is served"),
            };
        }
        let mut sockets = Sockets::default();
        for (place, name) in names.split(':').enumerate().take(count) {
            match name {
                CLIENTS => sockets.clients = passed.take_tcp_listener(place)?,
                OPERATORS => sockets.operators = passed.take_tcp_listener(place)?,
                _ => {
                    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
                    let family = i32::from(family.as_raw());
                    let kind = i32::try_from(kind.as_raw()).unwrap_or_default();
                    sockets.ready = passed.take_custom(place, family, kind, "local socket")?;
                }
            }
        }
        Ok(sockets)
    }

    /// Leaves those unused that the command line speaks against.
    pub fn agree_with(&mut self, options: &Serve) {
        let says = !options.addr.is_empty() || !options.port.is_empty();
        if says && self.ready.is_none() && self.clients.take().is_some() {
            warn!("a socket was passed and is not used: --addr or --port says where to listen");
        }
    }
}

/// Takes the place of the process before this one, if there is one, now that this one
/// serves.
///
/// # Errors
///
/// It has ended, or ends, for another reason: this one was not to be the only one.
pub fn take_over(ready: Option<UnixStream>) -> Result<()> {
    let Some(mut ready) = ready else { return Ok(()) };
    let answered = ready.write_all(b"\n").and_then(|()| ready.read_exact(&mut [0]));
    answered.context("the process before this one has ended by itself")
}
