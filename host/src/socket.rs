//! The sockets to listen with.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Type};

/// How many clients may wait to be accepted. The kernel has its own bound
/// (`net.core.somaxconn`).
pub(crate) const BACKLOG: i32 = 4096;

/// A socket to listen with.
#[derive(Debug)]
pub enum Socket {
    /// Nobody listens yet.
    Bound(BoundSocket),
    /// Somebody listens with it already, and others may go on with it: a server that stops
    /// leaves new clients to them.
    Listening(TcpListener),
}

impl From<BoundSocket> for Socket {
    fn from(socket: BoundSocket) -> Self {
        Socket::Bound(socket)
    }
}

impl From<TcpListener> for Socket {
    fn from(socket: TcpListener) -> Self {
        Socket::Listening(socket)
    }
}

impl Socket {
    /// Lets clients come.
    pub(crate) fn listen(self) -> io::Result<TcpListener> {
        match self {
            Socket::Bound(socket) => socket.listen(),
            Socket::Listening(socket) => Ok(socket),
        }
    }
}

/// A socket that has its address, and on which nobody listens yet: what takes privileges
/// is done, and clients are refused until a server is started with it.
#[derive(Debug)]
pub struct BoundSocket {
    socket: socket2::Socket,
    address: SocketAddr,
}

impl BoundSocket {
    /// Takes the first address that is free; any free port if it is 0.
    ///
    /// # Errors
    ///
    /// The last address's error, when none is.
    pub fn bind(addresses: &[SocketAddr]) -> io::Result<BoundSocket> {
        let mut failed =
            io::Error::new(io::ErrorKind::InvalidInput, "there is no address to listen on");
        for &address in addresses {
            match bind(address) {
                Ok(socket) => {
                    let address = socket.local_addr()?.as_socket().unwrap_or(address);
                    return Ok(BoundSocket { socket, address });
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// The address, with the real port where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets clients come.
    pub(crate) fn listen(self) -> io::Result<TcpListener> {
        self.socket.listen(BACKLOG)?;
        Ok(self.socket.into())
    }
}

fn bind(address: SocketAddr) -> io::Result<socket2::Socket> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
