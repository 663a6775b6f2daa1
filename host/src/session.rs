//! A TLS session over a socket that never blocks.
//!
//! The handshake is driven by reading, and waits with the poller as any read does. What
//! is read is decrypted at once and whole: between two calls no readable byte lies in a
//! session, where the poller would not see it.

use std::cell::Cell;
use std::io::{self, BufRead, IoSlice, Write};
use std::mem;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::PollFlags;
use rustls::{ServerConfig, ServerConnection};
use tracing::debug;

use crate::cpu_time::thread_clock;
use crate::poller::Interest;
use crate::transport::{HUNG_UP, Moved, attempt, is_polled, receive};

/// How many encrypted bytes are read at once.
const READ: usize = 32 << 10;

/// How many bytes of a response may lie encrypted in a session. Beside them it holds one
/// incomplete record, or 64 KiB of an incomplete handshake.
const UNSENT: usize = 64 << 10;

thread_local! {
    /// How long the present thread has been busy with handshakes.
    static HANDSHAKE_TIME: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// How long a processor was busy with handshakes of the present thread's since this was asked
/// last.
pub(crate) fn take_handshake_time() -> Duration {
    HANDSHAKE_TIME.take()
}

/// The host's side of a session.
pub(crate) struct Session {
    tls: ServerConnection,
    /// Whether the client has sent anything yet.
    begun: bool,
    /// Whether the client has been sent anything yet.
    answered: bool,
    /// Whether the client has said that it will send no more.
    ended: bool,
}

impl Session {
    pub(crate) fn new(config: Arc<ServerConfig>) -> io::Result<Session> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        tls.set_buffer_limit(Some(UNSENT));
        Ok(Session { tls, begun: false, answered: false, ended: false })
    }

    /// Reads what has arrived, once, and adds what it says to `input`.
    pub(crate) fn read(&mut self, socket: &TcpStream, input: &mut Vec<u8>) -> io::Result<Moved> {
        if self.ended {
            return Ok(Moved::End);
        }
        // A client cannot make the host owe it more and more.
        let sent = self.flush(socket)?;
        if sent != Moved::Bytes {
            return Ok(sent);
        }
        let mut records = Vec::with_capacity(READ);
        let received = receive(socket, &mut records)?;
        if received != Moved::Bytes {
            return Ok(received);
        }
        if !mem::replace(&mut self.begun, true) && is_plain(&records) {
            input.append(&mut records);
            return Ok(Moved::Unencrypted);
        }
        // A handshake takes long, and no client that will not answer to it has one.
        if !self.answered && is_polled(socket, PollFlags::RDHUP | HUNG_UP) {
            return Ok(Moved::End);
        }
        let before = input.len();
        let began = self.tls.is_handshaking().then(thread_clock);
        let decrypted = self.decrypt(&records, input);
        if let Some(began) = began {
            let more = thread_clock().saturating_sub(began);
            HANDSHAKE_TIME.set(HANDSHAKE_TIME.get().saturating_add(more));
        }
        if let Err(error) = decrypted {
            debug!(client = ?socket.peer_addr().ok(), %error, "a TLS session failed");
            // The client is told why.
            let _ = self.flush(socket);
            return Err(error);
        }
        if input.len() > before {
            return Ok(Moved::Bytes);
        }
        if self.ended {
            return Ok(Moved::End);
        }
        Ok(match self.flush(socket)? {
            Moved::Bytes => Moved::Pending(Interest::Readable),
            pending => pending,
        })
    }

    fn decrypt(&mut self, mut records: &[u8], input: &mut Vec<u8>) -> io::Result<()> {
        while !records.is_empty() && !self.ended {
            self.tls.read_tls(&mut records)?;
            let state = self.tls.process_new_packets();
            let state = state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.ended = state.peer_has_closed();
            let mut reader = self.tls.reader();
            while let Ok(plain @ [_, ..]) = reader.fill_buf() {
                let length = plain.len();
                input.extend_from_slice(plain);
                reader.consume(length);
            }
        }
        Ok(())
    }

    /// Encrypts as much as there is room for, and says how much.
    pub(crate) fn write(&mut self, socket: &TcpStream, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        loop {
            let taken = self.tls.writer().write_vectored(parts)?;
            if taken > 0 {
                return Ok(taken);
            }
            self.send(socket)?;
        }
    }

    /// Sends all that was encrypted.
    pub(crate) fn flush(&mut self, socket: &TcpStream) -> io::Result<Moved> {
        attempt(Interest::Writable, || {
            while self.tls.wants_write() {
                self.send(socket)?;
            }
            Ok(Moved::Bytes)
        })
    }

    fn send(&mut self, mut socket: &TcpStream) -> io::Result<()> {
        match self.tls.write_tls(&mut socket)? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            _ => {
                self.answered = true;
                Ok(())
            }
        }
    }

    /// Puts an end behind all that was encrypted.
    pub(crate) fn finish(&mut self) {
        self.tls.send_close_notify();
    }

    /// Whether the session is not there yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Whether the session is established and nothing waits to be sent.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.tls.is_handshaking() && !self.tls.wants_write()
    }
}

/// Whether these are the first bytes of plain HTTP. A session begins with the byte 22.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
}
