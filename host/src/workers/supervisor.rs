//! The thread that looks at the clock for all others: at their turns, at deadlines, and at
//! threads that are missing. It naps while no connection is advanced.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use tracing::error;

use super::{SWEEP, Workers};
use crate::background::Pressure;
use crate::connection::Connection;
use crate::deadline::after;
use crate::exchange;
use crate::rate::Seldom;
use crate::stage::Stage;
use crate::turns::{LOOK, Seat};

/// How often the supervisor looks at the threads while no handler runs.
const IDLE_LOOK: Duration = Duration::from_millis(5);

/// How often it is said that there can be no thread.
const COMPLAINTS: Duration = Duration::from_secs(5);

/// How long clients may send nothing of a request, and take nothing of a response, while
/// connections hold more than half of what all may: who moves nothing does not keep others from it
/// for long.
/// The kernel's buffers hide for a while that a response is taken.
const SENDS_NOTHING: Duration = Duration::from_secs(2);
const TAKES_NOTHING: Duration = Duration::from_secs(10);

/// How long a client that was accepted before the server stopped may take to begin its
/// request.
const STOP_GRACE: Duration = Duration::from_millis(300);

/// How long nobody has looked at the clock if the process stood still: it was stopped, or the
/// machine was.
const STANDSTILL: Duration = Duration::from_secs(1);

impl Workers {
    /// What the supervisor does.
    pub(super) fn supervise(self: &Arc<Self>, _: Seat<'_>) {
        let mut swept = Instant::now();
        let mut stood_still = false;
        let complained = Seldom::default();
        let mut pause = LOOK;
        let mut pressure = Pressure::default();
        while !self.ended.load(Ordering::Relaxed) {
            if !self.turns.nap.take(SWEEP, || self.may_nap()) {
                thread::sleep(pause);
            }
            // First, as those who get nowhere may have locks.
            let has_background = self.background.watch(self.turns.at_work(), &mut pressure);
            let runs = self.turns.look();
            pause = if runs { LOOK } else { IDLE_LOOK };
            if runs || has_background {
                self.turns.nap.put_off();
            }
            if self.has_work_waiting() || self.turns.are_awaited() {
                // All who could go on with them may have begun to wait for sockets just before.
                self.poller.nudge();
            }
            for connection in self.pauses.take_ended(Instant::now()) {
                self.hand_over(connection);
            }
            if let Err(error) = self.start_threads()
                && complained.may(COMPLAINTS)
            {
                error!(%error, "cannot start a thread; trying again");
            }
            let since = swept.elapsed();
            if since >= SWEEP {
                swept = Instant::now();
                // What clients have sent while the process stood still is there, and is read first.
                stood_still = since >= STANDSTILL && !stood_still;
                if !stood_still {
                    self.sweep();
                }
            }
        }
    }

    /// Whether nobody needs the supervisor soon.
    fn may_nap(&self) -> bool {
        !self.turns.are_at_risk()
            && !self.turns.are_awaited()
            && !self.has_work_waiting()
            && !self.service.admission.lacks_thread()
            && !self.pauses.are_any()
            && !self.ended.load(Ordering::SeqCst)
    }

    /// Starts threads in the place of those that ended, and one in the background if there is
    /// something to do and all others there are busy. If there can be none now, there may be
    /// later.
    fn start_threads(self: &Arc<Self>) -> io::Result<()> {
        loop {
            let vacant = self.vacant.lock().pop();
            let Some(number) = vacant else { break };
            self.start_request_thread(number).inspect_err(|_| self.vacant.lock().push(number))?;
        }
        if self.service.admission.lacks_thread() {
            self.spawn_background()?;
        }
        Ok(())
    }

    fn sweep(&self) {
        self.retry();
        let mut expired = self.take_expired();
        expired.extend(self.service.admission.take_expired(Instant::now()));
        for connection in expired {
            exchange::expire(connection, &self.service, self.parking());
        }
    }

    /// Takes the parked connections whose time is over. That is soon for those that hold much
    /// where there is little room, and for those that have not begun a request when the server
    /// stops.
    fn take_expired(&self) -> Vec<Connection> {
        let stopping = *self.stopping.lock();
        let now = Instant::now();
        let idle_is_over = stopping.is_some_and(|since| now > after(since, STOP_GRACE));
        let is_idle = |connection: &Connection| {
            matches!(connection.stage, Stage::Receive(_)) && !connection.has_begun()
        };
        let is_short = self.service.is_short_of_buffers();
        let has_stalled = |connection: &Connection| {
            let sends = matches!(connection.stage, Stage::Receive(_));
            let most = if sends { SENDS_NOTHING } else { TAKES_NOTHING };
            connection.stalled(now).is_some_and(|time| time >= most)
        };
        let mut parked = self.parked.lock();
        parked.trim();
        if !is_short && !idle_is_over {
            return parked.take_due(now);
        }
        parked.take_if(|connection| {
            connection.deadline <= now
                || is_short && has_stalled(connection)
                || idle_is_over && is_idle(connection)
        })
    }
}
