//! The sockets to listen with: what was passed on to this process as it was started, and
//! what it binds itself.
//!
//! Sockets are passed on by systemd, or by the process that this one takes the place of.
//! Both do so by systemd's protocol (`LISTEN_FDS`); the latter also gives the descriptors
//! names, which are those below.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, anyhow, bail};
use listenfd::ListenFd;
use picohttp_host::config::ServerPlan;
use picohttp_host::{BoundSocket, RunningServer, Socket};
use rustix::net::{AddressFamily, SocketType};
use tracing::warn;

use crate::cli::Serve;

/// The first descriptor that systemd's protocol passes on.
pub const FIRST: i32 = 3;

/// Accepts clients, and operators; and tells the process before this one that it can go.
pub const CLIENTS: &str = "clients";
pub const OPERATORS: &str = "operators";
pub const READY: &str = "ready";

/// Says in the environment that nobody but the process before this one has the socket for clients.
pub const OWNS_CLIENTS: &str = "PICOHTTP_OWNS_CLIENTS";

/// The sockets to listen with.
#[derive(Default)]
pub struct Sockets {
    pub clients: Option<Socket>,
    pub operators: Option<Socket>,
    /// Whether nobody but the process before this one has had the socket for clients.
    pub owns_clients: bool,
    /// Where the process before this one waits to hear that this one serves.
    pub ready: Option<UnixStream>,
    /// What is to be said of them once there is a log.
    warnings: Vec<String>,
}

impl Sockets {
    /// Takes what was passed on, and what tells of it out of the environment. No other
    /// thread may run yet.
    pub fn take() -> Result<Sockets> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut passed = ListenFd::from_env();
        let count = passed.len();
        if count == 0 || !names.split(':').any(|name| name == READY) {
            return match count {
                0 => Ok(Sockets::default()),
                1 => {
                    let clients = passed.take_tcp_listener(0)?.map(Socket::Listening);
                    Ok(Sockets { clients, ..Sockets::default() })
                }
                _ => bail!("{count} sockets were passed (LISTEN_FDS), and one is served"),
            };
        }
        close_others(count);
        let owns_clients = env::var_os(OWNS_CLIENTS).is_some();
        let mut sockets = Sockets { owns_clients, ..Sockets::default() };
        for (place, name) in names.split(':').enumerate().take(count) {
            match name {
                CLIENTS => {
                    sockets.clients = passed.take_tcp_listener(place)?.map(Socket::Listening);
                }
                OPERATORS => {
                    sockets.operators = passed.take_tcp_listener(place)?.map(Socket::Listening);
                }
                READY => {
                    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
                    let family = i32::from(family.as_raw());
                    let kind = i32::try_from(kind.as_raw()).unwrap_or_default();
                    sockets.ready = passed.take_custom(place, family, kind, "local socket")?;
                }
                // What another version of this program passes on, perhaps.
                _ => {}
            }
        }
        Ok(sockets)
    }

    /// Leaves those unused that the command line speaks against.
    pub fn agree_with(&mut self, options: &Serve) {
        let says = !options.addr.is_empty() || !options.port.is_empty();
        if says && self.ready.is_none() && self.clients.take().is_some() {
            self.warnings.push(
                "a socket was passed and is not used: --addr or --port says where to listen"
                    .to_owned(),
            );
        }
    }

    /// Binds what was not passed, as a plan says. Privileges are not needed any more then.
    ///
    /// # Errors
    ///
    /// No address is free, or this process may not have it.
    pub fn bind(&mut self, plan: &ServerPlan) -> Result<()> {
        match &self.clients {
            Some(socket) => self.warnings.extend(self.disagrees("addr", socket, &plan.addresses)),
            None => {
                let bound = BoundSocket::bind(&plan.addresses);
                let bound = bound.map_err(|error| cannot_listen(&plan.addresses, &error))?;
                self.clients = Some(Socket::Bound(bound));
            }
        }
        let Some(address) = plan.admin_address else {
            self.operators = None;
            return Ok(());
        };
        match &self.operators {
            Some(socket) => self.warnings.extend(self.disagrees("admin_addr", socket, &[address])),
            None => {
                let bound = BoundSocket::bind(&[address]);
                let bound =
                    bound.with_context(|| format!("cannot listen on {address} for operators"))?;
                self.operators = Some(Socket::Bound(bound));
            }
        }
        Ok(())
    }

    /// What to say if the process before this one listened elsewhere.
    fn disagrees(&self, key: &str, socket: &Socket, addresses: &[SocketAddr]) -> Option<String> {
        let Socket::Listening(socket) = socket else { return None };
        let here = socket.local_addr().ok()?;
        let is_here = |address: &SocketAddr| {
            address.ip() == here.ip() && (address.port() == 0 || address.port() == here.port())
        };
        let is_other = self.ready.is_some() && !addresses.iter().any(is_here);
        is_other.then(|| {
            format!(
                "listening on {here}, as the process before this one did, and not as `{key}` \
                 says: that takes a stop and a start"
            )
        })
    }

    /// Says what is to be said of them.
    pub fn warn(&self) {
        for warning in &self.warnings {
            warn!("{warning}");
        }
    }
}

/// Why none of these addresses can be listened on.
pub fn cannot_listen(addresses: &[SocketAddr], error: &io::Error) -> anyhow::Error {
    let tried: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "; is another server running? Port 0 is any that is free",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
        _ => "",
    };
    anyhow!("cannot listen on {}: {error}{hint}", tried.join(" or "))
}

/// What a process has of one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherited {
    /// There was none.
    Nothing,
    /// Its place.
    Place,
    /// And a reload, that it was asked for while this one began.
    PlaceAndReload,
}

/// What the process before this one says when it goes.
pub const GOES: u8 = b'\n';
pub const GOES_AND_HAS_RELOADED: u8 = b'r';

/// Takes the place of the process before this one, if there is one, now that `server` serves.
///
/// # Errors
///
/// It has ended, or ends, for another reason: this one was not to be the only one.
pub fn take_over(
    ready: Option<UnixStream>,
    owns_clients: bool,
    server: &RunningServer,
) -> Result<Inherited> {
    let Some(mut ready) = ready else { return Ok(Inherited::Nothing) };
    let mut word = [GOES];
    let answered = ready.write_all(b"\n").and_then(|()| ready.read_exact(&mut word));
    answered.context("the process before this one has ended by itself")?;
    if owns_clients {
        server.own_listener();
    }
    server.own_admin_listener();
    Ok(match word {
        [GOES_AND_HAS_RELOADED] => Inherited::PlaceAndReload,
        _ => Inherited::Place,
    })
}

/// Closes all that was passed on beside the first `count` sockets. Nobody means to: of a process
/// that was started by another, what that one forgets adds up.
fn close_others(count: usize) {
    let Ok(open) = fs::read_dir("/proc/self/fd") else { return };
    let numbers = open.flatten().filter_map(|it| it.file_name().to_str()?.parse().ok());
    let own = i32::try_from(count).map_or(i32::MAX, |count| FIRST.saturating_add(count));
    for number in numbers.filter(|&number: &i32| number >= own).collect::<Vec<_>>() {
        // One is what listed them, and is closed by now.
        let _ = nix::unistd::close(number);
    }
}
