//! Where an operator looks: a listener of its own, which no client of a handler reaches
//! and which runs no handler.
//!
//! One thread accepts, keeps the [`lobby`] of those who have not asked yet, and takes a
//! sample of what is counted now and then; who has asked has a thread for as long as one
//! answer takes. What visitors can cost is bounded, whoever they are; and those who are
//! silent, or take no answer, keep nobody out, even if they have all descriptors that the
//! system gives. A [`visit`] is one request and its answer, [`gate`] decides whether there is
//! one, and [`pages`] what is in it.

mod lobby;
mod visit;
mod gate;
mod pages;
mod policy;
mod status;

pub(crate) use gate::without_cookies;
use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracing::{error, warn};

use crate::contain::contain;
use crate::listener::{AcceptError, Listener};
use crate::metrics::Window;
use crate::service::Service;
use gate::Gate;
use lobby::Lobby;
use policy::Policy;
use visit::{Question, Visit};

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
    office: Arc<Office>,
    address: SocketAddr,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What all visits have in common.
struct Office {
    service: Arc<Service>,
    /// Where clients of the handlers connect.
    served_at: SocketAddr,
    listener: Listener,
    /// A descriptor that is given up for a visitor when no other is left.
    spare: Mutex<Option<TcpListener>>,
    gate: Gate,
    policy: Policy,
    window: Mutex<Window>,
    /// Those who are being answered, in the order that they asked.
    answered: Mutex<VecDeque<Weak<TcpStream>>>,
    /// How many threads they have.
    threads: AtomicUsize,
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
        let listener = Listener::inherit(listener)?;
        let address = listener.address();
        let office = Arc::new(Office {
            service,
            served_at,
            listener,
            spare: Mutex::default(),
            gate: Gate::new(address, token),
            policy: Policy::of(pages::DASHBOARD),
            window: Mutex::new(Window::new(Instant::now())),
            answered: Mutex::default(),
            threads: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let worker = Arc::clone(&office);
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(move || {
            while let Err(panic) = contain(|| worker.work()) {
                error!(panic, "the operators' listener has panicked and goes on");
                thread::sleep(PAUSE);
            }
        })?;
        Ok(Admin { office, address, thread: Mutex::new(Some(thread)) })
    }

    /// The address, with its real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nobody any more.
    pub(crate) fn end(&self) {
        self.office.ended.store(true, Ordering::Relaxed);
        self.office.listener.stop();
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
        let mut lobby = Lobby::default();
        while !self.ended.load(Ordering::Relaxed) {
            let now = Instant::now();
            let due = self.window().due();
            if due <= now {
                self.window().sample(&self.service, now);
                continue;
            }
            self.keep_spare();
            if let Err(error) = self.attend(&mut lobby, due) {
                warn!(%error, "cannot attend to operators");
                thread::sleep(PAUSE);
            }
        }
    }

    /// Attends once to those who say something or come, if any do until `due`.
    fn attend(self: &Arc<Self>, lobby: &mut Lobby, due: Instant) -> io::Result<()> {
        let is_awaited = lobby.wait(&self.listener, due)?;
        let now = Instant::now();
        let asked = lobby.take_asked(now).into_iter();
        // If there is no thread for one, there may be for the next: some have ended meanwhile.
        let answered = asked.map(|question| self.answer_apart(question)).fold(Ok(()), Result::and);
        if !is_awaited {
            return answered;
        }
        let accepted = match self.listener.accept() {
            Err(AcceptError::Failed(_))
                if self.spare().take().is_some() || lobby.dismiss_first() =>
            {
                self.listener.accept()
            }
            accepted => accepted,
        };
        match accepted {
            Ok((socket, _)) => lobby.admit(Visit::new(socket, now)),
            Err(AcceptError::Failed(error)) => return Err(error.into()),
            Err(AcceptError::Empty | AcceptError::Stopped) => {}
        }
        Ok(())
    }

    /// Answers on a thread of its own, if there are not too many.
    fn answer_apart(self: &Arc<Self>, question: Question) -> io::Result<()> {
        if self.threads.load(Ordering::Relaxed) >= MAX_THREADS {
            return Ok(());
        }
        let room = Room::of(self, question.socket());
        let answer = move || {
            // A visitor that goes away, or is too slow, is nobody's concern.
            let _ = question.answer(&|head| room.office.answer(head));
        };
        thread::Builder::new().name("admin-answer".to_owned()).spawn(answer)?;
        Ok(())
    }

    /// Sees to it that there is a spare descriptor, if one can be had.
    fn keep_spare(&self) {
        let mut spare = self.spare();
        if spare.is_none() {
            *spare = self.listener.duplicate().ok();
        }
    }

    fn spare(&self) -> MutexGuard<'_, Option<TcpListener>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self) -> MutexGuard<'_, VecDeque<Weak<TcpStream>>> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for an answer, that is free again when this is dropped.
struct Room {
    office: Arc<Office>,
    visitor: Weak<TcpStream>,
}

impl Room {
    fn of(office: &Arc<Office>, visitor: &Arc<TcpStream>) -> Room {
        let (office, visitor) = (Arc::clone(office), Arc::downgrade(visitor));
        office.threads.fetch_add(1, Ordering::Relaxed);
        let mut answered = office.answered();
        if answered.len() >= MAX_ANSWERED
            && let Some(slowest) = answered.pop_front().and_then(|slowest| slowest.upgrade())
        {
            // Its thread, which waits for it to take more, finds that it is gone.
            let _ = slowest.shutdown(Shutdown::Both);
        }
        answered.push_back(Weak::clone(&visitor));
        drop(answered);
        Room { office, visitor }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.office.answered().retain(|visitor| !visitor.ptr_eq(&self.visitor));
        self.office.threads.fetch_sub(1, Ordering::Relaxed);
        // What the visitor had may be the only descriptor that is left.
        self.office.keep_spare();
    }
}
