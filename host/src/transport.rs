//! What a connection's bytes go through: the client's socket as it is, or a TLS session
//! over it.

use std::io::{self, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use socket2::SockRef;

use crate::Tls;
use crate::poller::Interest;
use crate::session::Session;

/// How much is read at once to no purpose but to empty a socket, and how many times
/// before other connections have their turn.
const DRAIN_BYTES: usize = 16 << 10;
const DRAIN_READS: usize = 16;

/// What an attempt to move bytes came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Some bytes, or all.
    Bytes,
    /// None for now; the socket must be waited for.
    Pending(Interest),
    /// The client will send no more.
    End,
    /// The first bytes of a client that should speak TLS and does not. From here on the
    /// connection is a plain one.
    Unencrypted,
}

/// What the caller will do as soon as all bytes are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// Nothing that has to do with the sending.
    Nothing,
    /// It says that nothing more will be sent, or closes.
    End,
}

/// A client's socket, and the session if there is one.
pub(crate) struct Transport {
    socket: TcpStream,
    /// Boxed, so that plain connections stay small.
    session: Option<Box<Session>>,
}

impl Transport {
    /// A transport that waits for the client to begin a session, if there is `tls`.
    ///
    /// # Errors
    ///
    /// If no session can be had with `tls`.
    pub(crate) fn new(socket: TcpStream, tls: Option<&Tls>) -> io::Result<Transport> {
        let session =
            tls.map(|tls| Session::new(Arc::clone(tls.config()))).transpose()?.map(Box::new);
        Ok(Transport { socket, session })
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether bytes go through as they are.
    pub(crate) fn is_plain(&self) -> bool {
        self.session.is_none()
    }

    /// Whether there is to be a session that is not there yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_handshaking())
    }

    /// Reads what has arrived to the end of `input`.
    pub(crate) fn read(&mut self, input: &mut Vec<u8>) -> io::Result<Moved> {
        let Transport { socket, session } = self;
        let Some(session) = session else {
            return receive(socket, input);
        };
        let moved = session.read(socket, input)?;
        if moved == Moved::Unencrypted {
            self.session = None;
        }
        Ok(moved)
    }

    /// Takes as much of both parts as there is room for, and says how much in `sent`. If the end
    /// follows at once, it goes in one packet with the last of the bytes, where there is no session.
    pub(crate) fn write(
        &mut self,
        head: &[u8],
        data: &[u8],
        follows: Follows,
        sent: &mut usize,
    ) -> io::Result<Moved> {
        let Transport { socket, session } = self;
        let parts = [IoSlice::new(head), IoSlice::new(data)];
        let flags = match follows {
            Follows::Nothing => 0,
            Follows::End => libc::MSG_MORE,
        };
        attempt(Interest::Writable, || {
            *sent = match session {
                None => SockRef::from(&*socket).send_vectored_with_flags(&parts, flags)?,
                Some(session) => session.write(socket, &parts)?,
            };
            Ok(Moved::Bytes)
        })
    }

    /// Sends what was taken and has not gone yet. If the end follows, it says so to the client.
    pub(crate) fn flush(&mut self, follows: Follows) -> io::Result<Moved> {
        let Transport { socket, session: Some(session) } = self else {
            return Ok(Moved::Bytes);
        };
        if follows == Follows::End {
            session.finish();
        }
        let moved = session.flush(socket)?;
        if follows == Follows::End && moved == Moved::Bytes {
            // The end of the client's side may have come, as a record. To close on unread
            // bytes resets the connection. If the client has reset it, it has all that it wanted.
            let _ = self.drain();
        }
        Ok(moved)
    }

    /// Sends as many of these few bytes as there is room for. Returns how many.
    pub(crate) fn offer(&mut self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        if let Ok(Moved::Bytes) = self.write(bytes, &[], Follows::Nothing, &mut sent) {
            // What stays in a session goes with what comes next.
            let _ = self.flush(Follows::Nothing);
        }
        sent
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }

    /// Reads and drops what the client still sends, encrypted or not.
    pub(crate) fn drain(&self) -> io::Result<Moved> {
        let mut dropped = [0; DRAIN_BYTES];
        for _ in 0..DRAIN_READS {
            match rustix::io::read(&self.socket, &mut dropped) {
                Ok(0) => return Ok(Moved::End),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Moved::Pending(Interest::Readable))
    }
}

impl Drop for Transport {
    /// Says to the client that its session is over, if that can be said at once.
    fn drop(&mut self) {
        if let Transport { socket, session: Some(session) } = self
            && session.is_quiet()
        {
            session.finish();
            let _ = session.flush(socket);
        }
    }
}

/// What a socket says when its client has broken the connection off.
pub(crate) const HUNG_UP: PollFlags = PollFlags::ERR.union(PollFlags::HUP);

/// Whether a socket says any of this now.
pub(crate) fn is_polled(socket: &TcpStream, flags: PollFlags) -> bool {
    let mut polled = [PollFd::new(socket, flags)];
    let looked = poll(&mut polled, Some(&Timespec::default()));
    looked.is_ok() && polled.iter().any(|it| it.revents().intersects(flags))
}

/// Reads what has arrived at a socket into the spare capacity of `input`.
pub(crate) fn receive(socket: &TcpStream, input: &mut Vec<u8>) -> io::Result<Moved> {
    attempt(Interest::Readable, || match rustix::io::read(socket, spare_capacity(input))? {
        0 => Ok(Moved::End),
        _ => Ok(Moved::Bytes),
    })
}

/// Tries until no signal comes between.
pub(crate) fn attempt(
    interest: Interest,
    mut move_bytes: impl FnMut() -> io::Result<Moved>,
) -> io::Result<Moved> {
    loop {
        match move_bytes() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Ok(Moved::Pending(interest));
            }
            result => return result,
        }
    }
}
