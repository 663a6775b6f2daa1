//! The listening socket: bind, accept, stop.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, accept_with, shutdown};
use socket2::{Domain, Protocol, Socket, Type};

/// How many clients may wait to be accepted. The kernel has its own bound
/// (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// A listening socket that never blocks.
pub(crate) struct Listener {
    socket: Socket,
    address: SocketAddr,
}

/// What accepting came to, other than a client.
#[derive(Debug)]
pub(crate) enum AcceptError {
    /// Nobody waits.
    Empty,
    /// No descriptor or memory is left for a client (EMFILE, ENFILE, ENOBUFS, ENOMEM).
    /// Trying again at once would fail at once.
    Exhausted(Errno),
    /// The listener was shut down.
    Stopped,
}

impl Listener {
    /// Listens on the first address that is free.
    ///
    /// # Errors
    ///
    /// The last address's error, when none is.
    pub(crate) fn bind(addresses: &[SocketAddr]) -> io::Result<Listener> {
        let mut failed =
            io::Error::new(io::ErrorKind::InvalidInput, "there is no address to listen on");
        for &address in addresses {
            match listen(address) {
                Ok(socket) => {
                    let address = socket.local_addr()?.as_socket().unwrap_or(address);
                    return Ok(Listener { socket, address });
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// The address, with the real port where 0 was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next client, if one waits.
    pub(crate) fn accept(&self) -> Result<TcpStream, AcceptError> {
        loop {
            match accept_with(&self.socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(socket) => return Ok(TcpStream::from(socket)),
                Err(Errno::AGAIN) => return Err(AcceptError::Empty),
                Err(Errno::INVAL | Errno::BADF) => return Err(AcceptError::Stopped),
                Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                    return Err(AcceptError::Exhausted(error));
                }
                // Whatever else happened to that client (ECONNABORTED, EPROTO, a
                // network error): there may be a next one.
                Err(_) => {}
            }
        }
    }

    /// Refuses clients from now on.
    pub(crate) fn stop(&self) {
        // It fails only if it is stopped already.
        let _ = shutdown(&self.socket, Shutdown::Both);
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn listen(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}
