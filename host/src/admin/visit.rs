//! One request and its answer, on a connection that is closed after it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::http1::{self, Head, Limits, Received, Receiver};

/// What a request may be. None has a body.
const LIMITS: Limits =
    Limits { head_bytes: 8 << 10, headers: 100, target_parts: 100, body_bytes: 0 };

/// How long a visitor may take to ask, and to take the answer.
const TO_ASK: Duration = Duration::from_secs(5);
const TO_TAKE: Duration = Duration::from_secs(30);

/// What a visitor is told.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) text: String,
}

impl Page {
    /// A line of text.
    pub(super) fn of_text(status: u16, text: &str) -> Page {
        let content_type = "text/plain; charset=utf-8";
        Page { status, content_type, headers: Vec::new(), text: format!("{text}\n") }
    }

    /// With one more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Page {
        self.headers.push((name, value.into()));
        self
    }
}

/// A visitor who has not asked yet, or not to the end.
pub(super) struct Visit {
    socket: TcpStream,
    input: Vec<u8>,
    receiver: Receiver,
    deadline: Instant,
}

/// A visitor who waits for an answer.
pub(super) struct Asked {
    socket: Arc<TcpStream>,
    /// The head, and what came with it.
    input: Vec<u8>,
    received: Result<(), http1::Error>,
}

/// How far a visit has come.
pub(super) enum Step {
    Asking(Visit),
    Asked(Asked),
    /// The visitor is gone, or was too slow.
    Over,
}

impl Visit {
    /// A visit that begins now, on a socket that never blocks.
    pub(super) fn new(socket: TcpStream, now: Instant) -> Visit {
        let deadline = now + TO_ASK;
        Visit { socket, input: Vec::new(), receiver: Receiver::default(), deadline }
    }

    /// When the visitor must have asked.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Takes in what the visitor has sent by now.
    pub(super) fn advance(mut self, now: Instant) -> Step {
        loop {
            let mut bytes = [0; 2 << 10];
            let count = match self.socket.read(&mut bytes) {
                Ok(0) => return Step::Over,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && now < self.deadline => {
                    return Step::Asking(self);
                }
                Err(_) => return Step::Over,
            };
            self.input.extend_from_slice(bytes.get(..count).unwrap_or_default());
            let received = match self.receiver.receive(&mut self.input, &LIMITS, |_| Ok(LIMITS)) {
                Ok(Received::Partial { .. }) => continue,
                received => received.map(|_| ()),
            };
            let socket = Arc::new(self.socket);
            return Step::Asked(Asked { socket, input: self.input, received });
        }
    }
}

impl AsFd for Visit {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Asked {
    /// What the answer goes to.
    pub(super) fn socket(&self) -> &Arc<TcpStream> {
        &self.socket
    }

    /// Sends the answer, and ends the visit.
    pub(super) fn answer(self, answer: &dyn Fn(&Head<'_>) -> Page) -> io::Result<()> {
        self.socket.set_nonblocking(false)?;
        let text = http1::decode(&self.input);
        let (page, head_only) = match self.received.and_then(|()| http1::parse(&text, &LIMITS)) {
            Ok(head) => (answer(&head), head.method == "HEAD"),
            Err(error) => {
                let head_only = http1::asks_for_head(&self.input);
                (Page::of_text(error.status(), &error.to_string()), head_only)
            }
        };
        send(&self.socket, &page, head_only)?;
        self.socket.shutdown(Shutdown::Write)
    }
}

fn send(mut socket: &TcpStream, page: &Page, head_only: bool) -> io::Result<()> {
    let mut output = Vec::new();
    let own = [
        ("Content-Type", page.content_type),
        ("Cache-Control", "no-store"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
    ];
    let others = page.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let headers = own.into_iter().chain(others);
    let length = page.text.len();
    http1::write_head(&mut output, "HTTP/1.1", page.status, headers, length, false)
        .map_err(io::Error::other)?;
    if !head_only {
        output.extend_from_slice(page.text.as_bytes());
    }
    let deadline = Instant::now() + TO_TAKE;
    let mut rest = output.as_slice();
    while !rest.is_empty() {
        socket.set_write_timeout(Some(left(deadline)?))?;
        match socket.write(rest) {
            Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
