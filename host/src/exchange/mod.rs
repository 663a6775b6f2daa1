//! A request's whole life: receive, route, admit, handle, send, drain.
//!
//! [`advance`] takes a connection through its stages as far as it goes without
//! waiting. Where it must wait it is parked, and the thread is free for others.

mod receive;
mod handle;
mod refuse;
mod send;

use std::time::{Duration, Instant};

use tracing::debug;

use crate::admission::Admitted;
use crate::background::{self, Place};
use crate::catch_panic::catch_panic;
use crate::connection::Connection;
use crate::http1::{Message, Receiver};
use crate::poller::Interest;
use crate::record::CLOSED_LOG;
use crate::service::Service;
use crate::stage::Stage;
use crate::turns::Seat;
use crate::{CloseReason, Fault, Limit};

pub(crate) use handle::Handled;
use handle::{finish, handle};
use receive::{receive, time_limit};
use refuse::refuse_slow;
pub(crate) use send::PAUSE;
use send::{drain, send};

/// What a stage came to.
enum Step {
    /// The next stage can begin.
    Next,
    /// The connection must wait.
    Park(Until),
    /// The connection is over.
    Close(CloseReason),
}

/// What a connection waits for.
pub(crate) enum Until {
    /// Its socket.
    Ready(Interest),
    /// Another thread, to go on with it.
    Taken,
    /// A pause to be over.
    Later,
}

/// How long requests of one connection are answered in a row before others have their
/// turn.
const REQUESTS_IN_A_ROW: Duration = Duration::from_micros(500);

/// Takes a connection as far as it goes. If it must wait it is given to `park`; a handler that
/// takes long costs the thread its turn.
pub(crate) fn advance(
    mut connection: Connection,
    service: &Service,
    seat: Seat<'_>,
    park: impl Fn(Connection, Until),
) {
    let mut has_answered = false;
    let began = Instant::now();
    loop {
        let step = match connection.take_stage() {
            Stage::Receive(_) if has_answered && began.elapsed() > REQUESTS_IN_A_ROW => {
                // What it waits for is only that its client has taken its answers.
                connection.begin_stage(service.settings.timeouts.write);
                connection.stage = Stage::GiveWay;
                Step::Park(Until::Ready(Interest::Writable))
            }
            Stage::GiveWay => {
                connection.begin_request(service.settings.timeouts.head);
                connection.stage = Stage::Receive(Receiver::default());
                Step::Next
            }
            Stage::Receive(receiver) => receive(&mut connection, receiver, service),
            Stage::Admit(message) => {
                let Some(admitted) = admit(connection, message, service) else { return };
                connection = admitted;
                Step::Next
            }
            Stage::Wait(message) => {
                let may_run = may_still_run(&connection, service);
                connection.stage = Stage::Handle(message, may_run);
                Step::Next
            }
            Stage::Handle(message, may_run) => {
                let handled = seat
                    .risk_turn(|| catch_panic(|| handle(&connection, &message, may_run, service)));
                let handled =
                    handled.unwrap_or_else(|panic| Handled::panicked(&connection, &panic, service));
                connection.stage = Stage::Answer(message, handled);
                match background::place() {
                    Place::Front => Step::Next,
                    // Only handlers go last; who goes first sends their answers.
                    Place::Background => Step::Park(Until::Taken),
                }
            }
            Stage::Answer(message, handled) => {
                finish(&mut connection, &message, handled, service);
                Step::Next
            }
            Stage::Pause(output) => {
                connection.stage = Stage::Send(output);
                Step::Park(Until::Later)
            }
            Stage::Send(output) => {
                has_answered = true;
                send(&mut connection, output, service)
            }
            Stage::Drain(reason, end) => drain(&mut connection, reason, end),
            Stage::TooSlow(limit) => {
                refuse_slow(&mut connection, limit, service);
                Step::Next
            }
        };
        match step {
            Step::Next => {}
            Step::Park(until) => return park(connection, until),
            Step::Close(reason) => return close(connection, reason, service),
        }
    }
}

/// Asks for a slot for a complete request. `None` if it waits for one.
fn admit(mut connection: Connection, message: Message, service: &Service) -> Option<Connection> {
    let now = Instant::now();
    connection.begin_waiting(now, service.settings.timeouts.queue);
    let (mut connection, message, may_run) = match connection.endpoint.clone() {
        None => (connection, message, Err(Fault::NoRoute)),
        Some(endpoint) => match service.admission.enter(connection, message, &endpoint.lane, now) {
            Admitted::Run(connection, message) => (connection, message, Ok(())),
            Admitted::Refused(connection, message, fault) => (connection, message, Err(fault)),
            Admitted::Waiting => return None,
        },
    };
    connection.stage = Stage::Handle(message, may_run);
    Some(connection)
}

/// Whether the request that a connection waited with may still run.
fn may_still_run(connection: &Connection, service: &Service) -> Result<(), Fault> {
    if service.admission.is_closed() {
        Err(Fault::no_room(Limit::ShutdownTimeout))
    } else if connection.is_reset() {
        Err(Fault::ClientGone)
    } else if connection.deadline < Instant::now() {
        Err(Fault::no_room(Limit::QueueTimeout))
    } else {
        Ok(())
    }
}

/// Answers a request that has come whole and is not to be handled.
fn refuse_whole(connection: &mut Connection, message: &Message, fault: Fault, service: &Service) {
    let handled = handle(connection, message, Err(fault), service);
    finish(connection, message, handled, service);
}

/// Ends a connection whose stage has lasted too long. A client that was in the middle
/// of its request, or in line with it, is told so, by another thread: the one that looks at
/// the clock must not wait for anything else.
pub(crate) fn expire(
    mut connection: Connection,
    service: &Service,
    park: impl Fn(Connection, Until),
) {
    let reason = match connection.take_stage() {
        Stage::Receive(receiver) if connection.has_begun() => {
            // Who still has time holds too much for having stopped.
            let is_late = connection.deadline <= Instant::now();
            let limit = if is_late { time_limit(&receiver) } else { Limit::Buffered };
            connection.stage = Stage::TooSlow(limit);
            return park(connection, Until::Taken);
        }
        Stage::Wait(message) => {
            let late = Fault::no_room(Limit::QueueTimeout);
            let fault = may_still_run(&connection, service).err().unwrap_or(late);
            connection.stage = Stage::Handle(message, Err(fault));
            return park(connection, Until::Taken);
        }
        Stage::Receive(_) => CloseReason::Idle,
        Stage::Drain(reason, end) if end > Instant::now() && connection.has_unread() => {
            // It does send, and nobody had time to read it.
            connection.stage = Stage::Drain(reason, end);
            return park(connection, Until::Taken);
        }
        Stage::Drain(reason, _) => reason,
        _ => CloseReason::SlowResponse,
    };
    close(connection, reason, service);
}

/// Ends a connection that waits for a thread, or for room, when the server ends. Its client is
/// told how that went, as far as it takes it at once.
pub(crate) fn dismiss(mut connection: Connection, service: &Service) {
    match connection.take_stage() {
        Stage::Wait(message) => {
            let fault = Fault::no_room(Limit::ShutdownTimeout);
            refuse_whole(&mut connection, &message, fault, service);
        }
        Stage::Handle(message, Err(fault)) => {
            refuse_whole(&mut connection, &message, fault, service);
        }
        Stage::TooSlow(limit) => refuse_slow(&mut connection, limit, service),
        Stage::Answer(message, handled) => finish(&mut connection, &message, handled, service),
        Stage::Send(output) => connection.stage = Stage::Send(output),
        _ => return,
    }
    if let Stage::Send(output) | Stage::Pause(output) = connection.take_stage() {
        let _ = send(&mut connection, output, service);
    }
    close(connection, CloseReason::Stopping, service);
}

/// Ends a connection, and says why.
pub(crate) fn close(connection: Connection, reason: CloseReason, service: &Service) {
    let Connection { id, answered, .. } = connection;
    // First: the last of its answer goes with the end.
    drop(connection);
    service.metrics.closed.count(reason);
    debug!(target: CLOSED_LOG, request = %id, answered, %reason, "closed: {}", reason.explanation());
}
