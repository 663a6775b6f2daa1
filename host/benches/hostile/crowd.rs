//! Many hostile clients, all driven by one thread.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use socket2::{Domain, Socket, Type};

use crate::stage::Stage;

/// What each client of a crowd does.
#[derive(Clone, Default)]
pub struct Habit {
    /// What it sends at first.
    pub first: Vec<u8>,
    /// What it sends once a second from then on.
    pub dribble: Option<u8>,
    /// Whether it reads nothing; it has a small buffer then.
    pub deaf: bool,
    /// How many of them come in a second; as many as can unless it is said.
    pub per_second: Option<usize>,
}

/// Clients that leave when it is dropped.
pub struct Crowd {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<Result<()>>>,
}

/// What the clients see.
#[derive(Default)]
struct Seen {
    /// How many have connected, and how many are gone.
    came: AtomicUsize,
    gone: AtomicUsize,
    /// How many microseconds after they came the last of them was told or closed.
    longest: AtomicU64,
    leave: AtomicBool,
}

impl Crowd {
    /// Sends so many clients, which come from now on.
    pub fn send(server: SocketAddr, count: usize, habit: Habit) -> Crowd {
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        let thread = thread::spawn(move || Members::new(server, count, habit, shared)?.drive());
        Crowd { seen, thread: Some(thread) }
    }

    /// Waits until all have come.
    pub fn wait(&mut self, stage: &Stage, count: usize, patience: Duration) -> Result<()> {
        let all = || self.came() >= count;
        let ended =
            |thread: &Option<JoinHandle<_>>| thread.as_ref().is_none_or(|t| t.is_finished());
        stage.wait("all clients have come", patience, || Ok(all() || ended(&self.thread)))?;
        if !all() {
            let thread = self.thread.take().ok_or(anyhow!("the crowd is gone"))?;
            thread.join().map_err(|_| anyhow!("the crowd panicked"))??;
        }
        Ok(())
    }

    pub fn came(&self) -> usize {
        self.seen.came.load(Ordering::Relaxed)
    }

    pub fn gone(&self) -> usize {
        self.seen.gone.load(Ordering::Relaxed)
    }

    /// How long the most patiently treated client was borne, until it was told or closed.
    pub fn longest(&self) -> Duration {
        Duration::from_micros(self.seen.longest.load(Ordering::Relaxed))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.seen.leave.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it failed of was seen in the figures, or nobody waited for it.
            let _ = thread.join();
        }
    }
}

/// The clients, as their thread has them.
struct Members {
    server: SocketAddr,
    count: usize,
    habit: Habit,
    seen: Arc<Seen>,
    epoll: rustix::fd::OwnedFd,
    began: Instant,
    members: Vec<Member>,
    dribbled: usize,
}

struct Member {
    /// None when it is gone.
    socket: Option<TcpStream>,
    came: Instant,
    connected: bool,
    told: bool,
}

/// How many may come before those that are here have their turn.
const BURST: usize = 200;

/// How many come from the same address, so that none runs out of ports.
const FROM_ONE_ADDRESS: usize = 5000;

const RECEIVE_BUFFER: usize = 4096;

const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };

impl Members {
    fn new(server: SocketAddr, count: usize, habit: Habit, seen: Arc<Seen>) -> Result<Members> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let (began, members) = (Instant::now(), Vec::with_capacity(count));
        Ok(Members { server, count, habit, seen, epoll, began, members, dribbled: 0 })
    }

    fn drive(&mut self) -> Result<()> {
        let mut events = Vec::with_capacity(1024);
        let mut buffer = Vec::with_capacity(64 << 10);
        while !self.seen.leave.load(Ordering::Relaxed) {
            self.bring()?;
            self.dribble();
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&PAUSE)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                self.happened(event.data.u64() as usize, event.flags, &mut buffer);
            }
        }
        Ok(())
    }

    /// Connects those whose time has come.
    fn bring(&mut self) -> Result<()> {
        let due = match self.habit.per_second {
            Some(rate) => (self.began.elapsed().as_secs_f64() * rate as f64) as usize,
            None => self.members.len() + BURST,
        };
        while self.members.len() < due.min(self.count) {
            let key = self.members.len();
            let Some(socket) = connect(self.server, key, self.habit.deaf)? else { break };
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, &socket, EventData::new_u64(key as u64), flags)?;
            let came = Instant::now();
            self.members.push(Member { socket: Some(socket), came, connected: false, told: false });
        }
        Ok(())
    }

    /// Sends a byte for each client and second, evenly over time.
    fn dribble(&mut self) {
        let Some(byte) = self.habit.dribble else { return };
        let due = (self.began.elapsed().as_secs_f64() * self.count as f64) as usize;
        while self.dribbled < due {
            let key = self.dribbled % self.count;
            self.dribbled += 1;
            let Some(member) = self.members.get(key).filter(|member| member.connected) else {
                continue;
            };
            let Some(socket) = &member.socket else { continue };
            if let Err(Errno::PIPE | Errno::CONNRESET) = send(socket, &[byte], SendFlags::NOSIGNAL)
            {
                self.lose(key);
            }
        }
    }

    fn happened(&mut self, key: usize, flags: EventFlags, buffer: &mut Vec<u8>) {
        let Some(member) = self.members.get_mut(key) else { return };
        let Some(socket) = &member.socket else { return };
        if !member.connected && flags.contains(EventFlags::OUT) {
            member.connected = true;
            self.seen.came.fetch_add(1, Ordering::Relaxed);
            if !self.habit.first.is_empty() {
                // A client that is refused already cannot send it, and will see so.
                let _ = send(socket, &self.habit.first, SendFlags::NOSIGNAL);
            }
        }
        if flags.intersects(EventFlags::ERR | EventFlags::HUP) {
            return self.lose(key);
        }
        if self.habit.deaf || !flags.intersects(EventFlags::IN | EventFlags::RDHUP) {
            return;
        }
        buffer.clear();
        match rustix::io::read(socket, spare_capacity(buffer)) {
            Err(Errno::AGAIN) => {}
            // One that dribbles goes on until it is reset.
            Ok(_) if self.habit.dribble.is_some() => self.tell(key),
            _ => self.lose(key),
        }
    }

    fn tell(&mut self, key: usize) {
        let Some(member) = self.members.get_mut(key).filter(|member| !member.told) else { return };
        member.told = true;
        let borne = u64::try_from(member.came.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.seen.longest.fetch_max(borne, Ordering::Relaxed);
    }

    fn lose(&mut self, key: usize) {
        self.tell(key);
        if self.members.get_mut(key).and_then(|member| member.socket.take()).is_some() {
            self.seen.gone.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Begins to connect, from one of several addresses of this machine. None if that must wait
/// until others are gone.
fn connect(server: SocketAddr, number: usize, small: bool) -> Result<Option<TcpStream>> {
    let socket = match Socket::new(Domain::IPV4, Type::STREAM, None) {
        Err(error) if Errno::from_io_error(&error) == Some(Errno::MFILE) => return Ok(None),
        socket => socket?,
    };
    let address = u8::try_from(number / FROM_ONE_ADDRESS % 250)? + 1;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, address), 0).into())?;
    if small {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    socket.set_nonblocking(true)?;
    match socket.connect(&server.into()) {
        Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => {
            bail!("cannot connect: {error}")
        }
        _ => Ok(Some(socket.into())),
    }
}
