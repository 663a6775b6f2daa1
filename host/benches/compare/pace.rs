//! Load at a fixed rate: requests are due at set times, however the server does.
//!
//! A server that is asked as fast as it answers is measured along with whatever shares its
//! processors, so the faster it is, the longer an answer waits for the load to take it.
//! At a pace that it can keep, this is not so. A latency counts from when its request was
//! due, the time to connect and to wait for a connection included.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use socket2::{Domain, Socket, Type};

use crate::interrupt::Interrupt;

/// How long the last answers are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How soon an interrupt is noticed.
const NOTICE: Duration = Duration::from_millis(20);

const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// How much of an answer is read at once.
const CHUNK: usize = 64 << 10;

/// Who is asked for what, how often and for how long.
pub struct Pace<'a> {
    pub server: SocketAddr,
    pub connections: usize,
    /// Whether connections persist; otherwise each request has one of its own.
    pub keep_alive: bool,
    pub per_second: f64,
    pub duration: Duration,
    /// The request with this number, counted from 0.
    pub request: &'a dyn Fn(u32) -> Vec<u8>,
}

/// Milliseconds that half, 99 % and 99.9 % of the answers took at most.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

impl Pace<'_> {
    /// Fails if anything but 200 is answered.
    pub fn offer(&self, interrupt: &Interrupt) -> Result<Latency> {
        let Pace { server, keep_alive, per_second, duration, .. } = *self;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut clients: Vec<Client> = (0..self.connections).map(|_| Client::new(server)).collect();
        let mut idle: Vec<usize> = (0..clients.len()).collect();
        let mut waiting = VecDeque::new();
        let mut latencies = Vec::new();
        let mut events = Vec::with_capacity(clients.len());
        let mut chunk = Vec::with_capacity(CHUNK);
        let (mut asked, total) = (0_u32, (per_second * duration.as_secs_f64()) as u32);
        let began = Instant::now();
        while latencies.len() < total as usize {
            interrupt.check()?;
            ensure!(began.elapsed() < duration + PATIENCE, "it does not answer in time");
            let next_due = loop {
                let due = began + Duration::from_secs_f64(f64::from(asked) / per_second);
                if asked == total || due > Instant::now() {
                    break due;
                }
                waiting.push_back((asked, due));
                asked += 1;
            };
            while let Some(&key) = idle.last() {
                let Some((number, due)) = waiting.pop_front() else { break };
                idle.pop();
                clients[key].begin((self.request)(number), due, key, &epoll)?;
                if let Some(took) = clients[key].advance(keep_alive, &mut chunk)? {
                    latencies.push(took);
                    idle.push(key);
                }
            }
            events.clear();
            // Waiting for events rounds to milliseconds; this does not.
            let pause = next_due.saturating_duration_since(Instant::now()).min(NOTICE);
            let pause = Timespec { tv_sec: 0, tv_nsec: pause.subsec_nanos().into() };
            let ready = poll(&mut [PollFd::new(&epoll, PollFlags::IN)], Some(&pause));
            match ready.and_then(|_| epoll::wait(&epoll, spare_capacity(&mut events), Some(&NOW))) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let key = event.data.u64() as usize;
                if let Some(took) = clients[key].advance(keep_alive, &mut chunk)? {
                    latencies.push(took);
                    idle.push(key);
                }
            }
        }
        latencies.sort_unstable();
        let quantile = |share: f64| {
            let place = (latencies.len().saturating_sub(1) as f64 * share) as usize;
            latencies.get(place).map_or(f64::NAN, Duration::as_secs_f64) * 1e3
        };
        Ok(Latency { p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999) })
    }
}

struct Client {
    server: SocketAddr,
    socket: Option<TcpStream>,
    /// When the request was due that is not answered yet.
    due: Option<Instant>,
    request: Vec<u8>,
    sent: usize,
    answer: Answer,
}

/// As much of an answer as has come.
#[derive(Default)]
struct Answer {
    head: Vec<u8>,
    /// How much of the body is to come, once the head is there.
    missing: Option<usize>,
    /// Whether the server closes the connection after it: one has only so many requests.
    is_last: bool,
}

impl Client {
    fn new(server: SocketAddr) -> Client {
        let (request, answer) = (Vec::new(), Answer::default());
        Client { server, socket: None, due: None, request, sent: 0, answer }
    }

    fn begin(&mut self, request: Vec<u8>, due: Instant, key: usize, epoll: &OwnedFd) -> Result<()> {
        (self.request, self.sent, self.due) = (request, 0, Some(due));
        self.answer.head.clear();
        self.answer.missing = None;
        if self.socket.is_none() {
            let socket = connect(self.server)?;
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(epoll, &socket, EventData::new_u64(key as u64), flags)?;
            self.socket = Some(socket);
        }
        Ok(())
    }

    /// Goes on as far as it goes; says how long the answer took when it is there.
    fn advance(&mut self, keep_alive: bool, chunk: &mut Vec<u8>) -> Result<Option<Duration>> {
        let (Some(socket), Some(due)) = (&self.socket, self.due) else { return Ok(None) };
        while self.sent < self.request.len() {
            match send(socket, &self.request[self.sent..], SendFlags::NOSIGNAL) {
                Ok(sent) => self.sent += sent,
                Err(Errno::AGAIN | Errno::NOTCONN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        while self.answer.missing != Some(0) {
            chunk.clear();
            match rustix::io::read(socket, spare_capacity(chunk)) {
                Err(Errno::AGAIN | Errno::NOTCONN) => return Ok(None),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
                Ok(read) => ensure!(read > 0, "it closes before its answer is whole"),
            }
            self.answer.take(chunk)?;
        }
        self.due = None;
        if !keep_alive || self.answer.is_last {
            self.socket = None;
        }
        Ok(Some(due.elapsed()))
    }
}

impl Answer {
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(missing) = &mut self.missing {
            ensure!(bytes.len() <= *missing, "it sends more than it said");
            *missing -= bytes.len();
            return Ok(());
        }
        self.head.extend_from_slice(bytes);
        let ends = [&b"\r\n\r\n"[..], b"\n\n"].into_iter().find_map(|end| {
            let place = self.head.windows(end.len()).position(|window| window == end)?;
            Some(place + end.len())
        });
        let Some(end) = ends else { return Ok(()) };
        let head = String::from_utf8_lossy(&self.head[..end]).to_ascii_lowercase();
        ensure!(head.split(' ').nth(1) == Some("200"), "it answers {:?}", head.lines().next());
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.unwrap_or_default().trim().parse()?;
        let here = self.head.len() - end;
        ensure!(here <= length, "it sends more than it said");
        self.missing = Some(length - here);
        self.is_last = head.lines().any(|line| line == "connection: close");
        Ok(())
    }
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&server.into()) {
        Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}
