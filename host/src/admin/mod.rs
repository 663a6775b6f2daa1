//! Where an operator looks: a listener of its own, which no client of a handler reaches
//! and which runs no handler.
//!
//! One thread accepts, and takes a sample of what is counted now and then; each visitor
//! has a thread for as long as one answer takes. Visitors are few and their time is short:
//! what they can cost is bounded, whoever they are. A [`visit`] is one request and its
//! answer, [`gate`] decides whether there is one, and [`pages`] what is in it.

mod visit;
mod gate;
mod pages;
mod policy;
mod status;

pub(crate) use gate::without_cookies;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{Shutdown, shutdown};
use tracing::warn;

use crate::metrics::Window;
use crate::service::Service;
use gate::Gate;
use policy::Policy;

/// How many visitors there may be at once; those over it are closed as they come.
const MAX_VISITORS: usize = 16;

/// How long to wait when the system has no descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener for operators.
pub(crate) struct Admin {
    office: Arc<Office>,
    address: SocketAddr,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What all visits have in common.
struct Office {
    service: Arc<Service>,
    /// Where clients of the handlers connect.
    served_at: SocketAddr,
    listener: TcpListener,
    gate: Gate,
    policy: Policy,
    window: Mutex<Window>,
    visitors: AtomicUsize,
    ended: AtomicBool,
}

impl Admin {
    /// Starts the thread that accepts visitors.
    pub(crate) fn start(
        listener: TcpListener,
        token: Option<&str>,
        service: Arc<Service>,
        served_at: SocketAddr,
    ) -> io::Result<Admin> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let office = Arc::new(Office {
            service,
            served_at,
            listener,
            gate: Gate::new(address, token),
            policy: Policy::of(pages::DASHBOARD),
            window: Mutex::new(Window::new(Instant::now())),
            visitors: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let worker = Arc::clone(&office);
        let thread =
            thread::Builder::new().name("admin".to_owned()).spawn(move || worker.work())?;
        Ok(Admin { office, address, thread: Mutex::new(Some(thread)) })
    }

    /// The address, with its real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nobody any more.
    pub(crate) fn end(&self) {
        self.office.ended.store(true, Ordering::Relaxed);
        // It fails only if it was done before.
        let _ = shutdown(&self.office.listener, Shutdown::Both);
    }

    /// Waits until nobody is accepted any more.
    pub(crate) fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // One that panicked has nothing more to say.
            drop(thread.join());
        }
    }
}

impl Office {
    fn work(self: &Arc<Self>) {
        while !self.ended.load(Ordering::Relaxed) {
            let now = Instant::now();
            let due = self.window().due();
            if due <= now {
                self.window().sample(&self.service, now);
                continue;
            }
            let received = self.wait(due - now).and_then(|()| self.receive());
            if let (Err(error), false) = (received, self.ended.load(Ordering::Relaxed)) {
                warn!(%error, "cannot accept an operator");
                thread::sleep(PAUSE);
            }
        }
    }

    /// Waits for a visitor, at most so long.
    fn wait(&self, time: Duration) -> io::Result<()> {
        let time = Timespec::try_from(time).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.listener, PollFlags::IN)], Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a visitor a thread, if one has come.
    fn receive(self: &Arc<Self>) -> io::Result<()> {
        let socket = match self.listener.accept() {
            Ok((socket, _)) => socket,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => return Ok(()),
            Err(error) => return Err(error),
        };
        if self.visitors.fetch_add(1, Ordering::Relaxed) >= MAX_VISITORS {
            self.visitors.fetch_sub(1, Ordering::Relaxed);
            return Ok(());
        }
        let visitor = Visitor(Arc::clone(self));
        thread::Builder::new()
            .name("admin-visit".to_owned())
            .spawn(move || visitor.0.serve(socket))?;
        Ok(())
    }

    fn serve(&self, socket: TcpStream) {
        // A visitor that goes away, or is too slow, is nobody's concern.
        let _ = visit::visit(socket, &|request| self.answer(request));
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody whose room is free again when this is dropped.
struct Visitor(Arc<Office>);

impl Drop for Visitor {
    fn drop(&mut self) {
        self.0.visitors.fetch_sub(1, Ordering::Relaxed);
    }
}
