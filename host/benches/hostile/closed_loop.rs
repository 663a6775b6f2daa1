//! Clients on persistent connections, each of which asks again as soon as it is answered.
//!
//! With thousands of connections wrk has its own memory to fetch for each, and takes nearly
//! twice as long for a request as with few: what falls then is its rate and not the server's.
//! Here a client is a socket and two numbers.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use crate::stage::Stage;
use crate::usage::Usage;

/// How many answers are taken before time is looked at.
const AT_ONCE: usize = 64;

/// How long the clients ask before it counts.
const BEFORE: Duration = Duration::from_millis(500);

/// How soon an interrupt is noticed.
const NOTICE: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// How often the clients were answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    pub per_second: f64,
    /// Milliseconds that 99 % of the answers took at most.
    pub p99: f64,
    /// Microseconds of processors that the server took for one.
    pub cpu: f64,
}

struct Client {
    socket: TcpStream,
    asked: Instant,
    /// How much of its answer has come.
    received: usize,
}

/// Has so many clients ask a server, which has used so much. Fails if they are not all answered
/// alike.
pub fn ask(
    stage: &Stage,
    (server, usage): (SocketAddr, &dyn Fn() -> Result<Usage>),
    connections: usize,
) -> Result<Answered> {
    let request = format!("GET /hello HTTP/1.1\r\nHost: {server}\r\n\r\n");
    let request = request.as_bytes();
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut clients = Vec::with_capacity(connections);
    let mut length = 0;
    for key in 0..connections {
        let mut socket = TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        if key == 0 {
            length = length_of_answer(&mut socket, request)?;
        }
        socket.set_nonblocking(true)?;
        let flags = EventFlags::IN | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&epoll, &socket, EventData::new_u64(key as u64), flags)?;
        clients.push(Client { socket, asked: Instant::now(), received: 0 });
    }
    clients.iter_mut().try_for_each(|client| client.ask(request, Instant::now()))?;

    let mut began = Instant::now() + BEFORE;
    let mut used_before = None;
    let mut latencies = Vec::new();
    let mut events = Vec::with_capacity(AT_ONCE);
    let mut bytes = Vec::with_capacity(4 << 10);
    let ended = loop {
        stage.interrupt.check()?;
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), Some(&NOTICE)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let now = Instant::now();
        if now > began + stage.measure {
            break now;
        }
        if now > began && used_before.is_none() {
            (began, used_before) = (now, Some(usage()?.cpu));
        }
        for event in &events {
            let client = clients.get_mut(event.data.u64() as usize).context("no such client")?;
            bytes.clear();
            match rustix::io::read(&client.socket, spare_capacity(&mut bytes)) {
                Ok(0) => bail!("a connection was closed"),
                Ok(count) => client.received += count,
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if client.received < length {
                continue;
            }
            ensure!(client.received == length, "answers differ");
            if used_before.is_some() {
                latencies.push(now - client.asked);
            }
            client.ask(request, now)?;
        }
    };
    latencies.sort_unstable();
    let p99 = latencies.get(latencies.len() * 99 / 100).context("no answer")?;
    let used = usage()?.cpu.saturating_sub(used_before.unwrap_or_default());
    let count = latencies.len() as f64;
    Ok(Answered {
        per_second: count / (ended - began).as_secs_f64(),
        p99: p99.as_secs_f64() * 1e3,
        cpu: used.as_secs_f64() * 1e6 / count,
    })
}

impl Client {
    fn ask(&mut self, request: &[u8], now: Instant) -> Result<()> {
        (self.asked, self.received) = (now, 0);
        ensure!(send(&self.socket, request, SendFlags::NOSIGNAL)? == request.len(), "no room");
        Ok(())
    }
}

/// How long the answer to this request is, as long as it is less than a read takes.
fn length_of_answer(socket: &mut TcpStream, mut request: &[u8]) -> Result<usize> {
    while !request.is_empty() {
        request = &request[send(&*socket, request, SendFlags::NOSIGNAL)?..];
    }
    let mut answer = Vec::new();
    socket.set_read_timeout(Some(BEFORE))?;
    match socket.read_to_end(&mut answer) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
        other => bail!("the connection does not persist: {other:?}"),
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    Ok(answer.len())
}
