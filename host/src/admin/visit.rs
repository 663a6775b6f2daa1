//! One request and its answer, on a connection that is closed after it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::http1::{self, Head, Limits, Received, Receiver};

/// What a request may be. None has a body.
const LIMITS: Limits = Limits { head_bytes: 8 << 10, headers: 100, body_bytes: 0 };

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

/// Receives a request and answers it.
pub(super) fn visit(mut socket: TcpStream, answer: &dyn Fn(&Head<'_>) -> Page) -> io::Result<()> {
    socket.set_nodelay(true)?;
    // Where accepted sockets are as their listener is.
    socket.set_nonblocking(false)?;
    let mut input = Vec::new();
    let received = receive(&mut socket, &mut input)?;
    let (page, head_only) = match received {
        Ok(end) => {
            let text = http1::decode(input.get(..end).unwrap_or_default());
            match http1::parse(&text, &LIMITS) {
                Ok(head) => (answer(&head), head.method == "HEAD"),
                Err(error) => (refusal(error), false),
            }
        }
        Err(error) => (refusal(error), false),
    };
    send(&mut socket, &page, head_only)?;
    socket.shutdown(Shutdown::Write)
}

fn refusal(error: http1::Error) -> Page {
    Page::of_text(error.status(), &error.to_string())
}

/// Reads a request, and says where its head ends.
fn receive(socket: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<Result<usize, http1::Error>> {
    let deadline = Instant::now() + TO_ASK;
    let mut receiver = Receiver::default();
    loop {
        match receiver.receive(input, &LIMITS, |_| Ok(LIMITS)) {
            Ok(Received::Message(message)) => return Ok(Ok(message.head)),
            Ok(Received::Partial { .. }) => {}
            Err(error) => return Ok(Err(error)),
        }
        socket.set_read_timeout(Some(left(deadline)?))?;
        let mut bytes = [0; 2 << 10];
        let count = socket.read(&mut bytes)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        input.extend_from_slice(bytes.get(..count).unwrap_or_default());
    }
}

fn send(socket: &mut TcpStream, page: &Page, head_only: bool) -> io::Result<()> {
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
        let sent = socket.write(rest)?;
        rest = rest.get(sent..).unwrap_or_default();
    }
    Ok(())
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
