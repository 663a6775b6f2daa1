//! Clients that come at their own pace, however the server does: each with a connection of
//! its own, one request, and a clock.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use socket2::{Domain, Socket, Type};

use crate::stage::Stage;

/// What became of one client.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// None if it was closed without an answer, or not answered at all.
    pub status: Option<u16>,
    pub retry_after: bool,
    /// From when it came until it was closed.
    pub took: Duration,
    /// When it was closed, from when the first came.
    pub ended: Duration,
}

struct Client {
    /// None when it is done.
    socket: Option<TcpStream>,
    came: Instant,
    asked: bool,
    answer: Vec<u8>,
    outcome: Outcome,
}

const UNANSWERED: Outcome =
    Outcome { status: None, retry_after: false, took: Duration::MAX, ended: Duration::MAX };

/// How long clients that have come are waited for.
const PATIENCE: Duration = Duration::from_secs(20);

const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000 };

/// Brings so many clients a second, and waits until all have an answer.
pub fn offer(
    stage: &Stage,
    server: SocketAddr,
    target: &str,
    per_second: f64,
    time: Duration,
) -> Result<Vec<Outcome>> {
    let request = format!("GET {target} HTTP/1.0\r\n\r\n").into_bytes();
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut clients: Vec<Client> = Vec::new();
    let mut events = Vec::with_capacity(1024);
    let total = (per_second * time.as_secs_f64()) as usize;
    let (mut open, began) = (0, Instant::now());
    while (clients.len() < total || open > 0) && began.elapsed() < time + PATIENCE {
        stage.interrupt.check()?;
        let due = (began.elapsed().as_secs_f64() * per_second) as usize;
        while clients.len() < due.min(total) {
            clients.push(Client::connect(server)?);
            let key = clients.len() - 1;
            if let Some(socket) = &clients[key].socket {
                let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
                epoll::add(&epoll, socket, EventData::new_u64(key as u64), flags)?;
                open += 1;
            }
        }
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), Some(&PAUSE)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let client = &mut clients[event.data.u64() as usize];
            if client.advance(&request, began) {
                open -= 1;
            }
        }
    }
    Ok(clients.into_iter().map(|client| client.outcome).collect())
}

impl Client {
    fn connect(server: SocketAddr) -> Result<Client> {
        let came = Instant::now();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&server.into()) {
            Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => {
                return Err(error.into());
            }
            _ => {}
        }
        let socket = Some(socket.into());
        Ok(Client { socket, came, asked: false, answer: Vec::new(), outcome: UNANSWERED })
    }

    /// Goes on as far as it goes; says whether it has just ended.
    fn advance(&mut self, request: &[u8], began: Instant) -> bool {
        let Some(socket) = &self.socket else { return false };
        if !self.asked {
            self.asked = send(socket, request, SendFlags::NOSIGNAL).is_ok();
        }
        loop {
            self.answer.reserve(512);
            match rustix::io::read(socket, spare_capacity(&mut self.answer)) {
                Err(Errno::AGAIN | Errno::NOTCONN) => return false,
                Err(Errno::INTR) => {}
                Ok(read) if read > 0 => {}
                _ => break,
            }
        }
        self.socket = None;
        let head = String::from_utf8_lossy(&self.answer);
        self.outcome = Outcome {
            status: head.split(' ').nth(1).and_then(|status| status.parse().ok()),
            retry_after: head.contains("Retry-After: "),
            took: self.came.elapsed(),
            ended: began.elapsed(),
        };
        self.answer = Vec::new();
        true
    }
}
