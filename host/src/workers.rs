//! The request threads, and the connections that wait for them.
//!
//! Every thread does the same: when it has a turn, it takes whichever comes first, a
//! new client or a parked connection whose socket is ready, and advances it as far as
//! it goes. A client that is slow or idle is parked with the poller and costs no
//! thread. One thread more, the watchman, moves turns away from slow handlers and ends
//! connections that are past their deadlines.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rustls::ServerConfig;
use slab::Slab;
use tracing::{error, warn};

use crate::admission::Place;
use crate::background::{self, Background};
use crate::catalog::CatalogError;
use crate::connection::{Connection, Share, Stage, after};
use crate::exchange::{self, Until};
use crate::listener::{AcceptError, Listener};
use crate::poller::{Event, Interest, Poller};
use crate::service::Service;
use crate::transport::Transport;
use crate::turns::{LOOK, Seat, Turns};
use crate::{Tenant, Tls};

/// How much stack a request thread has: four times a guest's.
const STACK: usize = 2 << 20;

/// How many clients a thread takes from the backlog before it asks the poller whether
/// others wait.
const BURST: usize = 16;

/// How long a thread is busy with sockets while requests wait in line for it.
const SOCKETS_IN_A_ROW: Duration = Duration::from_micros(250);

/// How long a thread in the background has nothing to do before it ends.
const IDLE_BEHIND: Duration = Duration::from_secs(2);

/// How often parked connections are looked through for those past their deadlines.
const SWEEP: Duration = Duration::from_millis(100);

/// How often the watchman looks at the threads while no handler runs.
const IDLE_LOOK: Duration = Duration::from_millis(5);

/// How long a client that was told to try again in a second is not listened to.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a client that was accepted before the server stopped may take to begin its
/// request.
const STOP_GRACE: Duration = Duration::from_millis(300);

/// The poller's key for the listener; those of connections start at 0.
const LISTENER: u64 = u64::MAX / 2;

/// What a request thread can do.
enum Work {
    /// Accept clients.
    Clients,
    /// Go on with a connection whose socket is ready.
    Connection(Connection),
    /// Go on with one whose request is ready.
    Waited(Connection),
    /// Nothing, for now.
    None,
    /// End.
    End,
}

/// All that the threads share.
pub(crate) struct Workers {
    service: Arc<Service>,
    listener: Listener,
    /// What new clients must speak, if it is not plain HTTP.
    tls: ArcSwapOption<ServerConfig>,
    poller: Poller,
    turns: Arc<Turns>,
    /// The number of a seat that never has a turn: the watchman's.
    watchman: usize,
    /// Connections that wait for their sockets, by their keys.
    parked: Mutex<Slab<Connection>>,
    /// Connections that are not listened to for a while, and since when.
    paused: Mutex<VecDeque<(Instant, Connection)>>,
    /// Whether there was no descriptor for a client. The listener is not watched then,
    /// until the watchman tries again.
    exhausted: AtomicBool,
    /// The threads, by their numbers.
    threads: Mutex<BTreeMap<usize, JoinHandle<()>>>,
    background: Arc<Background>,
    /// Those that come from the background with their answers.
    handed_over: (Sender<Connection>, Receiver<Connection>),
    /// Those in the background.
    behind: Mutex<Vec<JoinHandle<()>>>,
    /// The numbers of those that ended and must be replaced.
    vacant: Mutex<Vec<usize>>,
    /// Set when the server begins to stop.
    stopping: Mutex<Option<Instant>>,
    /// Set when the threads are to end.
    ended: AtomicBool,
}

impl Workers {
    /// Starts the threads for so many handlers at once. None is started later but in the
    /// place of one that has retreated to the background.
    pub(crate) fn start(
        service: Arc<Service>,
        listener: Listener,
        tls: Option<Tls>,
        max_running: usize,
    ) -> io::Result<Arc<Workers>> {
        // One more than can be running handlers: somebody must always be free to say no.
        let count = max_running.saturating_add(1);
        let workers = Arc::new(Workers {
            service,
            listener,
            tls: ArcSwapOption::new(tls.map(Tls::config)),
            poller: Poller::new()?,
            turns: Arc::new(Turns::new(count.saturating_add(1))),
            watchman: count,
            parked: Mutex::default(),
            paused: Mutex::default(),
            exhausted: AtomicBool::new(false),
            threads: Mutex::default(),
            background: Arc::new(Background::new()),
            handed_over: unbounded(),
            behind: Mutex::default(),
            vacant: Mutex::default(),
            stopping: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        workers.poller.watch(&workers.listener, LISTENER)?;
        let started = (0..count)
            .try_for_each(|number| workers.seat(number))
            .and_then(|()| workers.spawn("watchman".to_owned(), count, Workers::keep_watch));
        match started {
            Ok(()) => Ok(workers),
            Err(error) => {
                workers.end();
                Err(error)
            }
        }
    }

    /// Starts the request thread with this number.
    fn seat(self: &Arc<Self>, number: usize) -> io::Result<()> {
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
                run(&workers, seat);
            }
            if background::place() == Place::Background {
                workers.vacant().push(number);
            }
        })?;
        self.threads().insert(number, thread);
        Ok(())
    }

    /// Starts a thread in the background, for as long as there is something to do.
    fn spawn_behind(self: &Arc<Self>) -> io::Result<()> {
        let workers = Arc::clone(self);
        let name = "background".to_owned();
        let thread = thread::Builder::new()
            .name(name)
            .stack_size(STACK)
            .spawn(move || workers.work_behind())?;
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        behind.retain(|thread| !thread.is_finished());
        behind.push(thread);
        Ok(())
    }

    /// Waits until all threads have ended.
    pub(crate) fn join(&self) {
        loop {
            let thread = self.threads().pop_first();
            match thread {
                // One that panicked has nothing more to say.
                Some((_, thread)) => drop(thread.join()),
                None => break,
            }
        }
        let behind =
            std::mem::take(&mut *self.behind.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in behind {
            drop(thread.join());
        }
    }

    /// The address that clients can connect to.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.listener.address()
    }

    /// Serves other tenants from now on.
    pub(crate) fn replace(&self, tenants: Vec<Tenant>) -> Result<(), CatalogError> {
        self.service.replace(tenants)
    }

    /// Speaks TLS like this with clients that come from now on.
    pub(crate) fn replace_tls(&self, tls: Tls) {
        self.tls.store(Some(tls.config()));
    }

    /// What all requests have in common.
    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// How many requests wait in line.
    pub(crate) fn waiting(&self) -> usize {
        self.service.admission.waiting()
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        self.service.load.connections()
    }

    /// The same listening socket, for somebody else to accept from.
    pub(crate) fn listener(&self) -> io::Result<TcpListener> {
        self.listener.duplicate()
    }

    /// Whether clients are here, or about to be.
    pub(crate) fn is_busy(&self) -> bool {
        // In this order: one that is accepted is counted before that is over.
        self.listener.is_accepting() || self.connections() > 0
    }

    /// Refuses new clients, or leaves them to others if the socket is theirs, too. Those
    /// that are already here are served.
    pub(crate) fn stop(&self) {
        if self.listener.is_shared() {
            return self.leave();
        }
        if self.begin_to_stop() {
            while let Ok(connection) = self.accept() {
                if let Some(connection) = connection {
                    self.park(connection, Interest::Readable);
                }
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
        let mut stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        stopping.replace(Instant::now()).is_none()
    }

    /// Closes the connections that no thread is busy with, and ends the threads as soon
    /// as each is done with what it does.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        let behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.service.admission.dismiss(behind);
        self.parked().clear();
        self.paused().clear();
        self.handed_over.1.try_iter().for_each(drop);
        self.turns.end();
        if let Err(error) = self.poller.wake_all() {
            error!(%error, "cannot wake the request threads");
        }
    }

    /// What a request thread does.
    fn work(self: &Arc<Self>, seat: Seat<'_>) {
        background::enlist(&self.background);
        // When it last had time for those who wait in line.
        let mut lined_up = Instant::now();
        while seat.take_turn() {
            while seat.has_turn()
                && background::place() == Place::Front
                && !self.ended.load(Ordering::Relaxed)
            {
                match self.next_work(&mut lined_up) {
                    Ok(Work::Clients) => self.take_clients(seat),
                    Ok(Work::Connection(connection)) => self.advance(connection, seat),
                    Ok(Work::Waited(connection)) => {
                        self.advance(connection, seat);
                        lined_up = Instant::now();
                    }
                    Ok(Work::None) => {}
                    Ok(Work::End) => return,
                    Err(error) => {
                        error!(%error, "cannot wait for sockets");
                        thread::sleep(SWEEP);
                    }
                }
            }
            if background::place() == Place::Background {
                seat.leave();
            }
            if self.service.admission.ready() > 0 {
                // What this thread made room for is for those who have a turn.
                self.poller.nudge();
            }
            if background::place() == Place::Background {
                return background::give_turn();
            }
        }
    }

    /// What a thread in the background does.
    fn work_behind(&self) {
        background::enlist(&self.background);
        background::retreat();
        let Some(seat) = self.turns.seat(self.watchman) else { return };
        while !self.ended.load(Ordering::Relaxed) {
            let Some(connection) = self.service.admission.next_behind(IDLE_BEHIND) else { return };
            background::take_turn(connection.deadline);
            self.advance(connection, seat);
            background::give_turn();
        }
    }

    /// What to do next. Sockets go before requests that are ready, so that clients are told
    /// soon when there are too many; but only for so long.
    fn next_work(&self, lined_up: &mut Instant) -> io::Result<Work> {
        let admission = &self.service.admission;
        if let Ok(connection) = self.handed_over.1.try_recv() {
            return Ok(Work::Connection(connection));
        }
        if admission.ready() > 0 {
            if lined_up.elapsed() >= SOCKETS_IN_A_ROW {
                if let Some(connection) = admission.next(false) {
                    return Ok(Work::Waited(connection));
                }
                *lined_up = Instant::now();
            }
            if let Some(event) = self.poller.look()? {
                return Ok(self.work_of(event));
            }
            if let Some(connection) = admission.next(true) {
                return Ok(Work::Waited(connection));
            }
        }
        Ok(self.work_of(self.poller.wait()?))
    }

    fn work_of(&self, event: Event) -> Work {
        match event {
            Event::Ready(LISTENER) => Work::Clients,
            Event::Ready(key) => {
                let parked = usize::try_from(key).ok();
                let connection = parked.and_then(|key| self.parked().try_remove(key));
                connection.map_or(Work::None, Work::Connection)
            }
            Event::Nudged => Work::None,
            Event::Woken => Work::End,
        }
    }

    /// Serves clients that wait to be accepted, some of them if they are many.
    fn take_clients(&self, seat: Seat<'_>) {
        for _ in 0..BURST {
            match self.accept() {
                Ok(Some(connection)) => self.advance(connection, seat),
                Ok(None) => {}
                Err(AcceptError::Empty) => return,
                Err(AcceptError::Stopped) => return self.turn_away(),
                Err(AcceptError::Exhausted(error)) => {
                    self.turn_away();
                    // Only now: who finds this set may watch the listener again.
                    if !self.exhausted.swap(true, Ordering::Release) {
                        warn!(%error, "cannot accept clients; trying again");
                    }
                    return;
                }
            }
            if !seat.has_turn() {
                return;
            }
        }
    }

    /// Stops watching the listener, which would end every wait at once.
    fn turn_away(&self) {
        // Another thread may have been first.
        let _ = self.poller.unwatch(&self.listener);
    }

    /// The next client, unless there are too many of them.
    fn accept(&self) -> Result<Option<Connection>, AcceptError> {
        let _accepting = self.listener.enter()?;
        let socket = self.listener.accept()?;
        // One that is closed at once knows to come again; one that waits does not know.
        if self.service.is_crowded() {
            return Ok(None);
        }
        let transport = match Transport::new(socket, self.tls.load_full()) {
            Ok(transport) => transport,
            Err(error) => {
                warn!(%error, "cannot speak TLS with a client");
                return Ok(None);
            }
        };
        let now = Instant::now();
        let deadline = after(now, self.service.bounds.timeouts.head);
        let share = Share::of(&self.service.load);
        let mut connection =
            Connection::new(transport, self.service.next_id(), now, deadline, share);
        if self.service.tells_clients() {
            connection.learn_client();
        }
        Ok(Some(connection))
    }

    fn advance(&self, connection: Connection, seat: Seat<'_>) {
        exchange::advance(connection, &self.service, seat, self.parking());
    }

    /// What becomes of a connection that must wait.
    fn parking(&self) -> impl Fn(Connection, Until) {
        |connection, until| match until {
            Until::Ready(interest) => self.park(connection, interest),
            Until::Taken => {
                // It cannot fail while there is a receiver, which is here.
                let _ = self.handed_over.0.send(connection);
                self.poller.nudge();
            }
            Until::Later => self.paused().push_back((Instant::now(), connection)),
        }
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

    /// What the watchman does.
    fn keep_watch(self: &Arc<Self>, _: Seat<'_>) {
        let mut swept = Instant::now();
        let mut pause = LOOK;
        while !self.ended.load(Ordering::Relaxed) {
            thread::sleep(pause);
            pause = if self.turns.look() { LOOK } else { IDLE_LOOK };
            if self.service.admission.ready() > 0 {
                // All who could run them may have begun to wait for sockets just before.
                self.poller.nudge();
            }
            self.fill_background();
            self.fill_vacant();
            if swept.elapsed() >= SWEEP {
                swept = Instant::now();
                self.sweep();
            }
        }
    }

    /// Starts a thread in the background if there is something to do and all others are
    /// busy. If there can be none now, there may be later.
    fn fill_background(self: &Arc<Self>) {
        if self.service.admission.lacks_thread()
            && let Err(error) = self.spawn_behind()
        {
            error!(%error, "cannot start a thread in the background");
        }
    }

    /// Starts threads in the place of those that ended. If there can be none now, there
    /// may be later.
    fn fill_vacant(self: &Arc<Self>) {
        while let Some(number) = self.vacant().pop() {
            if let Err(error) = self.seat(number) {
                error!(%error, "cannot replace a request thread");
                return self.vacant().push(number);
            }
        }
    }

    fn sweep(&self) {
        if self.exhausted.swap(false, Ordering::Acquire)
            && let Err(error) = self.poller.watch(&self.listener, LISTENER)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            error!(%error, "cannot wait for clients");
        }
        self.end_pauses();
        let mut expired = self.take_expired();
        expired.extend(self.service.admission.take_expired(Instant::now()));
        for connection in expired {
            exchange::expire(connection, &self.service, self.parking());
        }
    }

    /// Goes on with connections whose clients were told to try again later. They are not
    /// listened to for a while, or those who try at once would take all there is.
    fn end_pauses(&self) {
        loop {
            let over = {
                let mut paused = self.paused();
                let is_over = paused.front().is_some_and(|(since, _)| since.elapsed() >= PAUSE);
                if is_over { paused.pop_front() } else { None }
            };
            match over {
                // What it has sent in the meantime may be here already, or be waiting.
                Some((_, connection)) => {
                    let begun = !connection.input.is_empty();
                    let interest = if begun { Interest::Writable } else { Interest::Readable };
                    self.park(connection, interest);
                }
                None => return,
            }
        }
    }

    fn paused(&self) -> MutexGuard<'_, VecDeque<(Instant, Connection)>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the parked connections whose time is over. When the server stops, that is
    /// soon for those that have not begun a request.
    fn take_expired(&self) -> Vec<Connection> {
        let stopping = *self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let idle_is_over = stopping.is_some_and(|since| now > after(since, STOP_GRACE));
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

    fn threads(&self) -> MutexGuard<'_, BTreeMap<usize, JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn vacant(&self) -> MutexGuard<'_, Vec<usize>> {
        self.vacant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn parked(&self) -> MutexGuard<'_, Slab<Connection>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
