//! The request threads, and the connections that wait for them.
//!
//! Every thread does the same: when it has a turn, it takes whichever comes first, a
//! new client or a parked connection whose socket is ready, and advances it as far as
//! it goes. A client that is slow or idle is parked with the poller and costs no
//! thread. One thread more, the supervisor, moves turns away from slow handlers and ends
//! connections that are past their deadlines.

mod clients;
mod handshakes;
mod parking;
mod pauses;
mod supervisor;
mod work;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::Mutex;
use tracing::error;

use crate::background::{self, Background, Place};
use crate::catch_panic::catch_panic;
use crate::connection::Connection;
use crate::listener::Listener;
use crate::poller::{Interest, Poller};
use crate::rate::Seldom;
use crate::service::Service;
use crate::socket::BACKLOG;
use crate::turns::{Seat, Turns};
use handshakes::Handshakes;
use parking::Parked;
use pauses::Pauses;

/// How much stack a request thread has: four times a guest's.
const STACK: usize = 2 << 20;

/// How often somebody looks whether connections are past their deadlines.
const SWEEP: Duration = Duration::from_millis(100);

/// The poller's key for the listener; those of connections are the numbers of their descriptors.
const LISTENER: u64 = u64::MAX / 2;

/// All that the threads share.
pub(crate) struct Workers {
    service: Arc<Service>,
    listener: Listener,
    poller: Arc<Poller>,
    turns: Arc<Turns>,
    /// The number of a seat that never has a turn: the supervisor's.
    supervisor: usize,
    /// Connections that wait for their sockets.
    parked: Mutex<Parked>,
    /// Connections whose TLS sessions are not there yet, and whose sockets are ready.
    handshakes: Handshakes,
    /// Connections whose clients are to wait for their answers.
    pauses: Pauses,
    /// Whether accepting failed, for want of a descriptor, say. The listener is not watched then,
    /// until the supervisor tries again.
    exhausted: AtomicBool,
    /// When it was last said that it failed.
    told_exhausted: Seldom,
    /// When it was last said that there are too many clients.
    told_full: Seldom,
    /// The threads, by their numbers.
    threads: Mutex<BTreeMap<usize, JoinHandle<()>>>,
    background: Arc<Background>,
    /// Those that another thread shall go on with: from the background with their answers, or after
    /// a pause.
    handed_over: (Sender<Connection>, Receiver<Connection>),
    /// Those in the background.
    background_threads: Mutex<Vec<JoinHandle<()>>>,
    /// The numbers of those that ended and must be replaced.
    vacant: Mutex<Vec<usize>>,
    /// Whoever waits for all threads to end has this meanwhile.
    joining: Mutex<()>,
    /// Set when the server begins to stop.
    stopping: Mutex<Option<Instant>>,
    /// Set when the threads are to end.
    ended: AtomicBool,
}

impl Workers {
    /// Starts the threads for so many handlers at once. Later ones are started in the
    /// background, and in the place of those that have retreated there.
    pub(crate) fn start(
        service: Arc<Service>,
        listener: Listener,
        max_running: usize,
    ) -> io::Result<Arc<Workers>> {
        // One more than can be running handlers: somebody must always be free to say no.
        let count = max_running.saturating_add(1);
        let poller = Arc::new(Poller::new()?);
        let nudge = Arc::clone(&poller);
        let workers = Arc::new(Workers {
            service,
            listener,
            poller,
            turns: Arc::new(Turns::new(count.saturating_add(1), move || nudge.nudge())),
            supervisor: count,
            parked: Mutex::default(),
            handshakes: Handshakes::new(),
            pauses: Pauses::default(),
            exhausted: AtomicBool::new(false),
            told_exhausted: Seldom::default(),
            told_full: Seldom::default(),
            threads: Mutex::default(),
            background: Arc::new(Background::new()),
            handed_over: unbounded(),
            background_threads: Mutex::default(),
            vacant: Mutex::default(),
            joining: Mutex::default(),
            stopping: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        workers.poller.watch(&workers.listener, LISTENER)?;
        let started = (0..count)
            .try_for_each(|number| workers.start_request_thread(number))
            .and_then(|()| workers.spawn("supervisor".to_owned(), count, Workers::supervise));
        match started {
            Ok(()) => Ok(workers),
            Err(error) => {
                workers.end();
                Err(error)
            }
        }
    }

    /// Starts the request thread with this number.
    fn start_request_thread(self: &Arc<Self>, number: usize) -> io::Result<()> {
        self.spawn(format!("request-{number}"), number, Workers::work)
    }

    fn spawn(
        self: &Arc<Self>,
        name: String,
        number: usize,
        run: fn(&Arc<Workers>, Seat<'_>),
    ) -> io::Result<()> {
        let workers = Arc::clone(self);
        let thread = thread::Builder::new().name(name).stack_size(STACK).spawn(move || {
            workers.turns.sit(number);
            if let Some(seat) = workers.turns.seat(number) {
                // A panic costs what the thread was at. It begins anew.
                while let Err(panic) = catch_panic(|| run(&workers, seat)) {
                    error!(panic, "a thread has panicked and goes on");
                    seat.leave();
                    background::end();
                    background::release_permit();
                    if background::place() == Place::Background {
                        break;
                    }
                }
            }
            if background::place() == Place::Background {
                workers.vacant.lock().push(number);
            }
        })?;
        self.threads.lock().insert(number, thread);
        Ok(())
    }

    /// Starts a thread in the background, for as long as there is something to do.
    fn spawn_background(self: &Arc<Self>) -> io::Result<()> {
        let workers = Arc::clone(self);
        let name = "background".to_owned();
        let thread = thread::Builder::new().name(name).stack_size(STACK).spawn(move || {
            if let Err(panic) = catch_panic(|| workers.work_in_background()) {
                error!(panic, "a thread in the background has panicked");
                background::release_permit();
            }
        })?;
        let mut background_threads = self.background_threads.lock();
        background_threads.retain(|thread| !thread.is_finished());
        background_threads.push(thread);
        Ok(())
    }

    /// Waits until all threads have ended.
    pub(crate) fn join(&self) {
        let _alone = self.joining.lock();
        loop {
            let thread = self.threads.lock().pop_first();
            match thread {
                // One that panicked has nothing more to say.
                Some((_, thread)) => drop(thread.join()),
                None => break,
            }
        }
        let background_threads = std::mem::take(&mut *self.background_threads.lock());
        for thread in background_threads {
            drop(thread.join());
        }
    }

    /// What all requests have in common.
    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// Where clients come.
    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
    }

    /// Whether clients are here, or about to be.
    pub(crate) fn is_busy(&self) -> bool {
        // In this order: one that is accepted is counted before that is over.
        self.listener.is_accepting() || self.service.load.connections() > 0
    }

    /// Refuses new clients, or leaves them to others if the socket is theirs, too. Those
    /// that are already here are served.
    pub(crate) fn stop(&self) {
        if self.listener.is_shared() {
            return self.leave();
        }
        if self.begin_to_stop() {
            // Those who have come before. Others may come for as long as they are accepted.
            for connection in (0..BACKLOG).map_while(|_| self.accept().ok()).flatten() {
                self.park(connection, Interest::Readable);
            }
            self.turn_away();
            self.listener.stop();
        }
    }

    /// Leaves new clients to others who accept from the same socket. Those that are
    /// already here are served.
    pub(crate) fn leave(&self) {
        if self.begin_to_stop() {
            self.listener.leave();
            self.turn_away();
        }
    }

    /// Returns whether this was the beginning.
    fn begin_to_stop(&self) -> bool {
        self.service.stopping.store(true, Ordering::Relaxed);
        let mut stopping = self.stopping.lock();
        let begins = stopping.is_none();
        stopping.get_or_insert_with(Instant::now);
        begins
    }

    /// Tells those in line, closes the other connections that no thread is busy with, and ends
    /// the threads as soon as each is done with what it does.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.turns.nap.end();
        let background_threads = self.background_threads.lock().len();
        for connection in self.service.admission.dismiss(background_threads) {
            self.dismiss(connection);
        }
        self.close_all();
        self.turns.end();
        if let Err(error) = self.poller.wake_all() {
            error!(%error, "cannot wake the request threads");
        }
    }

    /// Whether there is something that any thread with a turn can go on with, beside sockets.
    fn has_work_waiting(&self) -> bool {
        self.service.admission.ready() > 0
            || !self.handed_over.1.is_empty()
            || self.handshakes.are_waiting()
    }

    /// Whether more threads have not ended than have handlers to run.
    pub(crate) fn are_answering(&self) -> bool {
        let (threads, background_threads) = (self.threads.lock(), self.background_threads.lock());
        let threads = threads.values().chain(background_threads.iter());
        let at_work = threads.filter(|thread| !thread.is_finished()).count();
        let (running, _) = self.service.root_lane.occupancy();
        at_work > running
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;
    use crate::RequestId;
    use crate::load::{Load, Share};
    use crate::transport::Transport;

    /// A connection for lines to be tried with.
    pub(super) fn connection() -> Connection {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (transport, share) = (
            Transport::new(socket, None).unwrap(),
            Share::of(&Arc::new(Load::default()), 1).unwrap(),
        );
        let now = Instant::now();
        Connection::new(transport, None, RequestId::default(), now, now, share)
    }
}
