//! The listening socket: accept, stop.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, acceptfrom_with, shutdown};

use crate::Socket;

/// A listening socket that never blocks.
pub(crate) struct Listener {
    socket: socket2::Socket,
    address: SocketAddr,
    /// Whether somebody else may accept from it, too.
    shared: AtomicBool,
    /// How many threads are about to accept, and [`LEFT`].
    accepting: AtomicUsize,
}

/// Set when nobody may accept any more.
const LEFT: usize = 1 << (usize::BITS - 1);

/// The right to accept, as long as it is kept.
pub(crate) struct Accepting<'a>(&'a Listener);

/// What accepting came to, other than a client.
#[derive(Debug)]
pub(crate) enum AcceptError {
    /// Nobody waits.
    Empty,
    /// No descriptor or memory is left for a client (EMFILE, ENFILE, ENOBUFS, ENOMEM), or
    /// something else that may last. Trying again at once would fail at once.
    Failed(Errno),
    /// The listener was shut down, or is left to others.
    Stopped,
}

impl Listener {
    /// Listens with a socket.
    ///
    /// # Errors
    ///
    /// The system's: somebody else was faster to listen on the address, or the socket that was
    /// said to listen does not.
    pub(crate) fn new(socket: Socket) -> io::Result<Listener> {
        let shared = AtomicBool::new(matches!(socket, Socket::Listening(_)));
        let socket = socket.listen()?;
        let address = socket.local_addr()?;
        let socket = socket2::Socket::from(socket);
        if !socket.is_listener()? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket does not listen"));
        }
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Listener { socket, address, shared, accepting: AtomicUsize::new(0) })
    }

    /// The same socket, for somebody else to accept from.
    pub(crate) fn duplicate(&self) -> io::Result<TcpListener> {
        Ok(self.socket.try_clone()?.into())
    }

    /// Whether somebody else may accept from it, too.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Relaxed)
    }

    /// Nobody else will accept from it any more.
    pub(crate) fn own(&self) {
        self.shared.store(false, Ordering::Relaxed);
    }

    /// Whoever accepts must have this until the client is counted.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Stopped`].
    pub(crate) fn enter(&self) -> Result<Accepting<'_>, AcceptError> {
        let accepting = Accepting(self);
        match self.accepting.fetch_add(1, Ordering::AcqRel) & LEFT {
            0 => Ok(accepting),
            _ => Err(AcceptError::Stopped),
        }
    }

    /// Whether a client may have been accepted that is not counted yet.
    pub(crate) fn is_accepting(&self) -> bool {
        self.accepting.load(Ordering::Acquire) & !LEFT > 0
    }

    /// The address, with the real port where 0 was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next client, if one waits, and where it is.
    pub(crate) fn accept(&self) -> Result<(TcpStream, Option<IpAddr>), AcceptError> {
        loop {
            match acceptfrom_with(&self.socket, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok((socket, address)) => {
                    let address = address.and_then(|address| SocketAddr::try_from(address).ok());
                    let client = address.map(|address| address.ip().to_canonical());
                    return Ok((TcpStream::from(socket), client));
                }
                Err(Errno::AGAIN) => return Err(AcceptError::Empty),
                Err(Errno::INVAL | Errno::BADF) => return Err(AcceptError::Stopped),
                // What happened to that client (accept(2)): there may be a next one.
                Err(
                    Errno::CONNABORTED
                    | Errno::INTR
                    | Errno::PERM
                    | Errno::PROTO
                    | Errno::NETDOWN
                    | Errno::NOPROTOOPT
                    | Errno::HOSTDOWN
                    | Errno::NONET
                    | Errno::HOSTUNREACH
                    | Errno::NETUNREACH,
                ) => {}
                Err(error) => return Err(AcceptError::Failed(error)),
            }
        }
    }

    /// Leaves clients to others from now on.
    pub(crate) fn leave(&self) {
        self.accepting.fetch_or(LEFT, Ordering::AcqRel);
    }

    /// Refuses clients from now on, whoever else may want to accept them.
    pub(crate) fn stop(&self) {
        // It fails only if it is stopped already.
        let _ = shutdown(&self.socket, Shutdown::Both);
    }
}

impl Drop for Accepting<'_> {
    fn drop(&mut self) {
        self.0.accepting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    /// A client of IPv4.
    fn connect(listener: &Listener) -> TcpStream {
        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], listener.address().port()))).unwrap()
    }

    #[test]
    fn a_client_that_is_gone_already_is_known_by_its_address() {
        let listener = Listener::new(TcpListener::bind("127.0.0.1:0").unwrap().into()).unwrap();
        let mut client = connect(&listener);
        client.write_all(b"GET").unwrap();
        let client = socket2::Socket::from(client);
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        let (_, client) = listener.accept().unwrap();
        assert_eq!(client, Some([127, 0, 0, 1].into()));
        assert!(matches!(listener.accept(), Err(AcceptError::Empty)));
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "what is skipped is said")]
    fn a_client_of_ipv4_is_one_on_a_socket_of_ipv6_too() {
        let Ok(socket) = TcpListener::bind("[::]:0") else {
            eprintln!("SKIPPED: there is no IPv6 here");
            return;
        };
        let listener = Listener::new(socket.into()).unwrap();
        let _client = connect(&listener);
        let (_, client) = listener.accept().unwrap();
        assert_eq!(client, Some([127, 0, 0, 1].into()));
    }
}
