//! What a request thread does, and one in the background.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tracing::error;

use super::{LISTENER, SWEEP, Workers};
use crate::admission::Eligible;
use crate::background::{self, Place};
use crate::connection::Connection;
use crate::exchange;
use crate::poller::Event;
use crate::turns::Seat;

/// How long a thread is busy with sockets while requests wait in line for it.
const SOCKETS_IN_A_ROW: Duration = Duration::from_micros(250);

/// How often a thread that sockets keep busy takes one of those who have had more than their
/// share and need but little, if nobody else is in line.
const PATIENCE: Duration = Duration::from_millis(10);

/// How long a thread in the background has nothing to do before it ends.
const IDLE: Duration = Duration::from_secs(2);

/// What a request thread knows of those who wait in line for one.
#[derive(Default)]
struct Line {
    /// When it last had time for them.
    looked_at: Option<Instant>,
    /// Since when there has been somebody without its having taken one.
    waits_since: Option<Instant>,
}

/// What a request thread can do.
enum Work {
    /// Accept clients.
    Clients,
    /// Go on with a connection whose socket is ready.
    Connection(Connection),
    /// Go on with one whose handshake has its turn.
    Handshake(Connection),
    /// Go on with one whose request is ready.
    Waited(Connection),
    /// Nothing, for now, or nothing any more as the turn is given up.
    None,
    /// End.
    End,
}

impl Workers {
    /// What a request thread does.
    pub(super) fn work(self: &Arc<Self>, seat: Seat<'_>) {
        background::enlist(&self.background);
        let mut line = Line::default();
        while seat.take_turn() {
            while seat.has_turn()
                && background::place() == Place::Front
                && !self.ended.load(Ordering::Relaxed)
            {
                match self.next_work(seat, &mut line) {
                    Ok(Work::Clients) => self.take_clients(seat),
                    Ok(Work::Connection(connection)) => self.advance_in_turn(connection, seat),
                    Ok(Work::Handshake(connection)) => self.shake_hands(connection, seat),
                    Ok(Work::Waited(connection)) => {
                        self.advance(connection, seat);
                        line = Line { looked_at: Some(Instant::now()), waits_since: None };
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
                background::end();
                seat.leave();
            }
            if self.has_work_waiting() {
                // Another thread, one that has a turn, goes on with that.
                self.poller.nudge();
            }
            if background::place() == Place::Background {
                return background::release_permit();
            }
        }
    }

    /// What a thread in the background does.
    pub(super) fn work_in_background(&self) {
        background::enlist(&self.background);
        background::join();
        let Some(seat) = self.turns.seat(self.supervisor) else { return };
        while !self.ended.load(Ordering::Relaxed) {
            let Some(connection) = self.service.admission.next_in_background(IDLE) else { return };
            if let Some(endpoint) = &connection.endpoint {
                background::acquire_permit(connection.deadline, &endpoint.origin.account);
            }
            self.advance(connection, seat);
            background::end();
            background::release_permit();
        }
    }

    /// What to do next. Sockets go before requests that are ready, so that clients are told
    /// soon when there are too many; but only for so long. Handlers that come back go before
    /// requests that have not begun.
    fn next_work(&self, seat: Seat<'_>, line: &mut Line) -> io::Result<Work> {
        let admission = &self.service.admission;
        let is_awaited = self.turns.are_awaited();
        if is_awaited && seat.gives_way() {
            return Ok(Work::None);
        }
        if let Ok(connection) = self.handed_over.1.try_recv() {
            return Ok(Work::Connection(connection));
        }
        if self.handshakes.are_waiting()
            && let Some(connection) = self.handshakes.next(true)
        {
            return Ok(Work::Handshake(connection));
        }
        if admission.ready() == 0 {
            line.waits_since = None;
        } else {
            let now = Instant::now();
            let is_long = |since: Instant, most| now.saturating_duration_since(since) >= most;
            let waits_since = *line.waits_since.get_or_insert(now);
            if line.looked_at.is_none_or(|at| is_long(at, SOCKETS_IN_A_ROW)) {
                let eligible =
                    if is_long(waits_since, PATIENCE) { Eligible::Quick } else { Eligible::Due };
                if let Some(connection) = admission.next(eligible) {
                    return Ok(Work::Waited(connection));
                }
                line.looked_at = Some(now);
            }
            if let Some(event) = self.poller.look()? {
                return Ok(self.work_of(event));
            }
            if let Some(connection) = admission.next(Eligible::Due) {
                return Ok(Work::Waited(connection));
            }
            // Who has had more than its share takes what others leave, the programs that share
            // processors with this one too (its control group): they may be clients, about to
            // ask for something.
            thread::yield_now();
            if let Some(event) = self.poller.look()? {
                return Ok(self.work_of(event));
            }
            if let Some(connection) = admission.next(Eligible::Any) {
                return Ok(Work::Waited(connection));
            }
        }
        if is_awaited || self.handshakes.are_waiting() {
            if let Some(event) = self.poller.look()? {
                return Ok(self.work_of(event));
            }
            if is_awaited {
                seat.leave();
                return Ok(Work::None);
            }
            if let Some(connection) = self.handshakes.next(false) {
                return Ok(Work::Handshake(connection));
            }
        }
        Ok(self.work_of(self.poller.wait()?))
    }

    fn work_of(&self, event: Event) -> Work {
        match event {
            Event::Ready { key: LISTENER, .. } => Work::Clients,
            Event::Ready { key, hung_up } => {
                let place = usize::try_from(key).ok();
                match place.and_then(|place| self.parked.lock().take_ready(place)) {
                    Some(mut connection) => {
                        connection.hung_up |= hung_up;
                        Work::Connection(connection)
                    }
                    None => Work::None,
                }
            }
            Event::Nudged => Work::None,
            Event::Woken => Work::End,
        }
    }

    pub(super) fn advance(&self, connection: Connection, seat: Seat<'_>) {
        exchange::advance(connection, &self.service, seat, self.parking());
        // Somebody may wait now whom the supervisor must help.
        self.turns.nap.end();
    }
}
