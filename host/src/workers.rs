//! The request threads, and the connections that wait for them.
//!
//! Every thread does the same: it takes whichever comes first, a new client or a
//! parked connection whose socket is ready, and advances it as far as it goes. A
//! client that is slow or idle is parked with the poller and costs no thread. One
//! thread more, the sweeper, ends those that are parked past their deadlines.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use slab::Slab;
use tracing::{error, warn};

use crate::connection::{Connection, OpenCount, Stage, after};
use crate::exchange;
use crate::listener::{AcceptError, Listener};
use crate::poller::{Interest, Poller};
use crate::service::Service;

/// How much stack a request thread has: four times a guest's.
const STACK: usize = 2 << 20;

/// How many clients a thread takes from the backlog before it asks the poller whether
/// others wait.
const BURST: usize = 16;

/// How often parked connections are looked through for those past their deadlines.
const SWEEP: Duration = Duration::from_millis(100);

/// How long a client that was accepted before the server stopped may take to begin its
/// request.
const STOP_GRACE: Duration = Duration::from_millis(300);

/// The poller's key for the listener; those of connections start at 0.
const LISTENER: u64 = u64::MAX - 1;

/// All that the threads share.
pub(crate) struct Workers {
    pub(crate) service: Service,
    pub(crate) listener: Listener,
    pub(crate) open: OpenCount,
    poller: Poller,
    /// Connections that wait for their sockets, by their keys.
    parked: Mutex<Slab<Connection>>,
    /// Whether there was no descriptor for a client; the sweeper tries again.
    exhausted: AtomicBool,
    /// Set when the server begins to stop.
    stopping: Mutex<Option<Instant>>,
    /// Set when the threads are to end.
    ended: AtomicBool,
}

impl Workers {
    pub(crate) fn new(service: Service, listener: Listener) -> io::Result<Workers> {
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER, Interest::Readable)?;
        Ok(Workers {
            service,
            listener,
            open: OpenCount::default(),
            poller,
            parked: Mutex::default(),
            exhausted: AtomicBool::new(false),
            stopping: Mutex::default(),
            ended: AtomicBool::new(false),
        })
    }

    /// Starts the threads. None is started later, so that none can fail to.
    pub(crate) fn start(self: &Arc<Workers>, count: usize) -> io::Result<Vec<JoinHandle<()>>> {
        let spawn = |name: String, run: fn(&Workers)| {
            let workers = Arc::clone(self);
            thread::Builder::new().name(name).stack_size(STACK).spawn(move || run(&workers))
        };
        let mut threads = Vec::with_capacity(count + 1);
        let started = (0..count)
            .map(|number| spawn(format!("request-{number}"), Workers::work))
            .chain([()].map(|()| spawn("sweeper".to_owned(), Workers::sweep)))
            .try_for_each(|thread| thread.map(|thread| threads.push(thread)));
        match started {
            Ok(()) => Ok(threads),
            Err(error) => {
                self.end();
                Err(error)
            }
        }
    }

    /// Refuses new clients. Those that are already here are served.
    pub(crate) fn stop(&self) {
        let mut stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        if stopping.replace(Instant::now()).is_none() {
            while let Ok(connection) = self.accept() {
                self.park(connection, Interest::Readable);
            }
            self.listener.stop();
        }
    }

    /// Closes the connections that no thread is busy with, and ends the threads as soon
    /// as each is done with what it does.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.service.admission.dismiss();
        self.parked().clear();
        if let Err(error) = self.poller.wake_all() {
            error!(%error, "cannot wake the request threads");
        }
    }

    /// What a request thread does.
    fn work(&self) {
        while !self.ended.load(Ordering::Relaxed) {
            // While clients wait, they are taken without a word to the poller.
            for _ in 0..BURST {
                match self.accept() {
                    Ok(connection) => self.advance(connection),
                    Err(_) => break,
                }
            }
            match self.poller.wait() {
                Ok(Some(LISTENER)) => {
                    let accepted = self.accept();
                    // Armed again before the client is served: another may be waiting.
                    if !matches!(accepted, Err(AcceptError::Exhausted(_) | AcceptError::Stopped)) {
                        self.watch_listener();
                    }
                    if let Ok(connection) = accepted {
                        self.advance(connection);
                    }
                }
                Ok(Some(key)) => {
                    let parked = usize::try_from(key).ok();
                    if let Some(connection) = parked.and_then(|key| self.parked().try_remove(key)) {
                        self.advance(connection);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    error!(%error, "cannot wait for sockets");
                    thread::sleep(SWEEP);
                }
            }
        }
    }

    fn accept(&self) -> Result<Connection, AcceptError> {
        let accepted = self.listener.accept().inspect_err(|error| {
            if let AcceptError::Exhausted(error) = error
                && !self.exhausted.swap(true, Ordering::Relaxed)
            {
                warn!(%error, "cannot accept clients; trying again");
            }
        });
        accepted.map(|socket| {
            let deadline = after(Instant::now(), self.service.timeouts.head);
            Connection::new(socket, self.service.next_id(), deadline, self.open.enter())
        })
    }

    fn watch_listener(&self) {
        if let Err(error) = self.poller.rearm(&self.listener, LISTENER, Interest::Readable) {
            error!(%error, "cannot wait for clients");
        }
    }

    fn advance(&self, connection: Connection) {
        exchange::advance(connection, &self.service, |connection, interest| {
            self.park(connection, interest);
        });
    }

    /// Leaves a connection to the poller until its socket is ready. If that fails, there
    /// is nothing to be done for it.
    fn park(&self, mut connection: Connection, interest: Interest) {
        let polled = std::mem::replace(&mut connection.polled, true);
        let mut parked = self.parked();
        if self.ended.load(Ordering::Relaxed) {
            return;
        }
        let entry = parked.vacant_entry();
        let key = entry.key();
        // Once armed it may be taken by another thread, so it must be in place before;
        // that thread then waits for the lock.
        let connection = entry.insert(connection);
        let armed = match polled {
            false => self.poller.add(connection.socket(), key as u64, interest),
            true => self.poller.rearm(connection.socket(), key as u64, interest),
        };
        if let Err(error) = armed {
            warn!(request = %connection.id, %error, "cannot wait for a client");
            parked.remove(key);
        }
    }

    /// What the sweeper does.
    fn sweep(&self) {
        while !self.ended.load(Ordering::Relaxed) {
            thread::sleep(SWEEP);
            if self.exhausted.swap(false, Ordering::Relaxed) {
                self.watch_listener();
            }
            for connection in self.take_expired() {
                exchange::expire(connection, &self.service, |connection, interest| {
                    self.park(connection, interest);
                });
            }
        }
    }

    /// Takes the parked connections whose time is over. When the server stops, that is
    /// soon for those that have not begun a request.
    fn take_expired(&self) -> Vec<Connection> {
        let stopping = *self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let idle_is_over = stopping.is_some_and(|since| now > since + STOP_GRACE);
        let is_idle = |connection: &Connection| {
            matches!(connection.stage, Stage::Receive(_)) && connection.input.is_empty()
        };
        let mut parked = self.parked();
        let expired: Vec<usize> = parked
            .iter()
            .filter(|(_, connection)| {
                connection.deadline <= now || idle_is_over && is_idle(connection)
            })
            .map(|(key, _)| key)
            .collect();
        expired.into_iter().filter_map(|key| parked.try_remove(key)).collect()
    }

    fn parked(&self) -> MutexGuard<'_, Slab<Connection>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
