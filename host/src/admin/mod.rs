//! Where an operator looks: a listener of its own, which no client of a handler reaches
//! and which runs no handler.
//!
//! One thread accepts, keeps those who have not asked yet ([`pending`]), and takes a
//! sample of what is counted now and then; who has asked has a thread for as long as one
//! answer takes. What visitors can cost is bounded, whoever they are; and those who are
//! silent, or take no answer, keep nobody out, even if they have all descriptors that the
//! system gives. A [`visit`] is one request and its answer, [`gate`] decides whether there is
//! one, and [`pages`] what is in it.

mod pending;
mod visit;
mod gate;
mod token;
mod pages;
mod policy;
mod status;

use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};
use tracing::{error, warn};

use crate::catch_panic::catch_panic;
use crate::deadline::after;
use crate::listener::{AcceptError, Listener};
use crate::metrics::{Sample, Sampler};
use crate::service::Service;
use gate::Gate;
pub(crate) use gate::{sets_cookie, without_cookies};
use pending::Pending;
use policy::Policy;
pub use token::{AdminToken, AdminTokenError};
use visit::{Asked, Visit};

/// How many visitors may be answered at once. Who has been longest at taking an answer gives way
/// to the next.
const MAX_ANSWERED: usize = 16;

/// How many threads those may have who are answered or have just given way; who asks when there
/// are more is closed.
const MAX_THREADS: usize = 64;

/// How long to wait when the system has no descriptor or thread left.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener for operators.
pub(crate) struct Admin {
    shared: Arc<AdminService>,
    address: SocketAddr,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What all visits have in common.
struct AdminService {
    service: Arc<Service>,
    /// Where clients of the handlers connect.
    served_at: SocketAddr,
    listener: Listener,
    /// A descriptor that is given up for a visitor when no other is left.
    spare: Mutex<Option<TcpListener>>,
    gate: ArcSwap<Gate>,
    policy: Policy,
    /// What the last minute began with.
    minute: ArcSwap<Sample>,
    /// Those who are being answered, in the order that they asked.
    answered: Mutex<VecDeque<Weak<TcpStream>>>,
    /// How many threads they have.
    threads: AtomicUsize,
    /// Whether new visitors are others'.
    left: AtomicBool,
    ended: AtomicBool,
    /// Rings when one of these is so.
    bell: OwnedFd,
}

impl Admin {
    /// Starts the thread that accepts visitors.
    pub(crate) fn start(
        listener: Listener,
        token: Option<&AdminToken>,
        service: Arc<Service>,
        served_at: SocketAddr,
    ) -> io::Result<Admin> {
        let address = listener.address();
        if token.is_none() && !address.ip().to_canonical().is_loopback() {
            warn!(%address, "whoever can connect sees what operators see; set `admin_token_file` (--admin-token-file)");
        }
        let shared = Arc::new(AdminService {
            service,
            served_at,
            listener,
            spare: Mutex::default(),
            gate: ArcSwap::from_pointee(Gate::new(address, token)),
            policy: Policy::of(pages::DASHBOARD),
            minute: ArcSwap::from_pointee(Sample::empty(Instant::now())),
            answered: Mutex::default(),
            threads: AtomicUsize::new(0),
            left: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        });
        let worker = Arc::clone(&shared);
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(move || {
            while let Err(panic) = catch_panic(|| worker.work()) {
                error!(panic, "the operators' listener has panicked and goes on");
                thread::sleep(PAUSE);
            }
        })?;
        Ok(Admin { shared, address, thread: Mutex::new(Some(thread)) })
    }

    /// The address, with its real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks for this token from now on.
    pub(crate) fn replace_token(&self, token: &AdminToken) {
        self.shared.gate.store(Arc::new(Gate::new(self.address, Some(token))));
    }

    /// Where visitors come.
    pub(crate) fn listener(&self) -> &Listener {
        &self.shared.listener
    }

    /// Leaves new visitors to others who accept from the same socket. Those that are here are
    /// answered.
    pub(crate) fn leave(&self) {
        self.shared.left.store(true, Ordering::Relaxed);
        // It cannot fail: the counter is far from full.
        let _ = rustix::io::write(&self.shared.bell, &1_u64.to_ne_bytes());
    }

    /// Accepts nobody any more, and refuses them if the socket is nobody else's.
    pub(crate) fn end(&self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.leave();
        if !self.listener().is_shared() {
            self.listener().stop();
        }
    }

    /// Waits until nobody is accepted any more.
    pub(crate) fn join(&self) {
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            // One that panicked has nothing more to say.
            drop(thread.join());
        }
    }
}

impl AdminService {
    fn work(self: &Arc<Self>) {
        let (mut pending, mut sampler) = (Pending::default(), Sampler::new(Instant::now()));
        while !self.has_left() {
            if let Some(first) = sampler.sample(&self.service, Instant::now()) {
                self.minute.store(Arc::new(first));
            }
            self.keep_spare();
            let doors = [self.listener.as_fd(), self.bell.as_fd()];
            self.survive(|| self.attend(&mut pending, &doors, sampler.due));
        }
        while !pending.is_empty() && !self.ended.load(Ordering::Relaxed) {
            self.survive(|| self.attend(&mut pending, &[], after(Instant::now(), PAUSE)));
        }
    }

    fn has_left(&self) -> bool {
        self.left.load(Ordering::Relaxed)
    }

    /// Does something that may fail now, and not later.
    fn survive(&self, act: impl FnOnce() -> io::Result<()>) {
        if let Err(error) = act() {
            warn!(%error, "cannot attend to operators");
            thread::sleep(PAUSE);
        }
    }

    /// Attends once to those who say something or come through the first of the doors, if any do
    /// until `due`.
    fn attend(
        self: &Arc<Self>,
        pending: &mut Pending,
        doors: &[BorrowedFd<'_>],
        due: Instant,
    ) -> io::Result<()> {
        let (is_awaited, asked) = pending.wait(doors, due)?;
        if self.ended.load(Ordering::Relaxed) {
            return Ok(());
        }
        // If there is no thread for one, there may be for the next: some have ended meanwhile.
        let answers = asked.into_iter().map(|question| self.answer_apart(question));
        let answered = answers.fold(Ok(()), Result::and);
        if !is_awaited || self.has_left() {
            return answered;
        }
        let accepted = match self.listener.accept() {
            Err(AcceptError::Failed(_))
                if self.spare.lock().take().is_some() || pending.dismiss_first() =>
            {
                self.listener.accept()
            }
            accepted => accepted,
        };
        match accepted {
            Ok((socket, _)) => pending.admit(Visit::new(socket, Instant::now())),
            Err(AcceptError::Failed(error)) => return Err(error.into()),
            Err(AcceptError::Empty) => {}
            Err(AcceptError::Stopped) => self.left.store(true, Ordering::Relaxed),
        }
        answered
    }

    /// Answers on a thread of its own, if there are not too many.
    fn answer_apart(self: &Arc<Self>, question: Asked) -> io::Result<()> {
        if self.threads.load(Ordering::Relaxed) >= MAX_THREADS {
            return Ok(());
        }
        let slot = AnswerSlot::of(self, question.socket());
        let answer = move || {
            // A visitor that goes away, or is too slow, is nobody's concern.
            let _ = question.answer(&|head| slot.admin.answer(head));
        };
        thread::Builder::new().name("admin-answer".to_owned()).spawn(answer)?;
        Ok(())
    }

    /// Sees to it that there is a spare descriptor, if one can be had.
    fn keep_spare(&self) {
        let mut spare = self.spare.lock();
        if spare.is_none() {
            *spare = self.listener.duplicate().ok();
        }
    }
}

/// Room for an answer, that is free again when this is dropped.
struct AnswerSlot {
    admin: Arc<AdminService>,
    visitor: Weak<TcpStream>,
}

impl AnswerSlot {
    fn of(admin: &Arc<AdminService>, visitor: &Arc<TcpStream>) -> AnswerSlot {
        let (admin, visitor) = (Arc::clone(admin), Arc::downgrade(visitor));
        admin.threads.fetch_add(1, Ordering::Relaxed);
        let mut answered = admin.answered.lock();
        if answered.len() >= MAX_ANSWERED
            && let Some(slowest) = answered.pop_front().and_then(|slowest| slowest.upgrade())
        {
            // Its thread, which waits for it to take more, finds that it is gone.
            let _ = slowest.shutdown(Shutdown::Both);
        }
        answered.push_back(Weak::clone(&visitor));
        drop(answered);
        AnswerSlot { admin, visitor }
    }
}

impl Drop for AnswerSlot {
    fn drop(&mut self) {
        self.admin.answered.lock().retain(|visitor| !visitor.ptr_eq(&self.visitor));
        self.admin.threads.fetch_sub(1, Ordering::Relaxed);
        // What the visitor had may be the only descriptor that is left.
        self.admin.keep_spare();
    }
}
