//! A request's whole life: receive, admit, handle, send, drain.
//!
//! [`advance`] takes a connection through its stages as far as it goes without
//! waiting. Where it must wait it is parked, and the thread is free for others.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use crate::admission::Admitted;
use crate::answer::{Answer, Asked};
use crate::connection::{Connection, Moved, Output, Stage, Then};
use crate::http1::{self, CloseReason, Error, Head, Message, Received, Receiver};
use crate::poller::Interest;
use crate::service::Service;
use crate::turns::Seat;
use crate::{Call, Fault, Request, Response};

/// What a stage came to.
enum Step {
    /// The next stage can begin.
    Next,
    /// The socket must be waited for.
    Wait(Interest),
    /// The connection is over.
    Close(CloseReason),
}

/// How long requests of one connection are handled in a row, and how many times it is
/// read, before others have their turn.
const REQUESTS_IN_A_ROW: Duration = Duration::from_micros(500);
const READS_IN_A_ROW: u32 = 64;

/// How long a client that was too slow is listened to after it was told so.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Takes a connection as far as it goes, and then those that waited for the room that
/// it had. Connections that must wait for their socket are given to `park`; a handler
/// that takes long costs the thread its turn.
pub(crate) fn advance(
    connection: Connection,
    service: &Service,
    seat: Seat<'_>,
    park: impl Fn(Connection, Interest),
) {
    let mut next = Some(connection);
    while let Some(connection) = next {
        next = advance_one(connection, service, seat, &park);
    }
}

/// Takes one connection as far as it goes. Returns the one that it made room for, which
/// has its room already.
fn advance_one(
    mut connection: Connection,
    service: &Service,
    seat: Seat<'_>,
    park: &impl Fn(Connection, Interest),
) -> Option<Connection> {
    let mut next = None;
    let mut handled = false;
    let began = Instant::now();
    loop {
        let step = match mem::replace(&mut connection.stage, Stage::Drain) {
            Stage::Receive(_)
                if handled && (next.is_some() || began.elapsed() > REQUESTS_IN_A_ROW) =>
            {
                connection.stage = Stage::Receive(Receiver::default());
                Step::Wait(give_way(&mut connection, service))
            }
            Stage::Receive(receiver) => receive(&mut connection, receiver, service),
            Stage::Admit(message) => {
                connection.stage = Stage::Handle(message);
                connection.begin_stage(service.bounds.timeouts.queue);
                match service.admission.enter(connection) {
                    Admitted::Run(admitted) => connection = admitted,
                    Admitted::Waiting => return next,
                    Admitted::Refused(refused) => {
                        connection = refused;
                        refuse_overload(&mut connection, service);
                    }
                }
                Step::Next
            }
            Stage::Handle(message) => {
                let (answer, unread) = seat.risk_turn(|| handle(&connection, &message, service));
                next = service.admission.leave();
                handled = true;
                // What is behind the request belongs to the next one.
                let length = message.length().min(connection.input.len());
                connection.input.drain(..length);
                begin_sending(&mut connection, answer, unread, service);
                Step::Next
            }
            Stage::Send(output) => send(&mut connection, output, service),
            Stage::Drain => drain(&mut connection),
        };
        match step {
            Step::Next => {}
            Step::Wait(interest) => {
                park(connection, interest);
                return next;
            }
            Step::Close(reason) => {
                let Connection { id, answered, .. } = connection;
                debug!(request = %id, answered, %reason, "closed");
                return next;
            }
        }
    }
}

/// What a connection between two requests waits for when it is others' turn. If it has
/// begun another one, that is only for the client to have taken its answers.
fn give_way(connection: &mut Connection, service: &Service) -> Interest {
    if connection.input.is_empty() {
        return Interest::Readable;
    }
    connection.begin_stage(service.bounds.timeouts.write);
    Interest::Writable
}

/// Ends a connection whose stage has lasted too long. A client that was in the middle
/// of its request, or in line with it, is told so.
pub(crate) fn expire(
    mut connection: Connection,
    service: &Service,
    seat: Seat<'_>,
    park: impl Fn(Connection, Interest),
) {
    let reason = match connection.stage {
        Stage::Receive(_) if !connection.input.is_empty() => {
            let answer = Answer::client_timeout(connection.head_only());
            begin_sending(&mut connection, answer, true, service);
            return advance(connection, service, seat, park);
        }
        Stage::Handle(_) => {
            refuse_overload(&mut connection, service);
            return advance(connection, service, seat, park);
        }
        Stage::Receive(_) => CloseReason::Idle,
        _ => CloseReason::SlowResponse,
    };
    let Connection { id, answered, .. } = connection;
    debug!(request = %id, answered, %reason, "closed");
}

/// Reads until the request is complete, or refuses it.
fn receive(connection: &mut Connection, mut receiver: Receiver, service: &Service) -> Step {
    let refuse = |connection: &mut Connection, error: Error| {
        let answer = Answer::refusal(error, connection.head_only());
        begin_sending(connection, answer, true, service);
        Step::Next
    };
    for _ in 0..READS_IN_A_ROW {
        let was_in_body = receiver.in_body();
        match receiver.receive(&mut connection.input, &service.bounds.limits) {
            Ok(Received::Message(message)) => {
                connection.stage = Stage::Admit(message);
                return Step::Next;
            }
            Ok(Received::Partial { wants_continue }) => {
                if wants_continue {
                    connection.send_interim(http1::CONTINUE);
                }
                if receiver.in_body() && !was_in_body {
                    connection.begin_stage(service.bounds.timeouts.body);
                }
            }
            Err(error) => return refuse(connection, error),
        }
        let before = connection.input.len();
        match connection.read() {
            // The first request has its time from when the client was accepted.
            Ok(Moved::Bytes) if before == 0 && connection.answered > 0 => {
                connection.begin_stage(service.bounds.timeouts.head);
            }
            Ok(Moved::Bytes) if receiver.in_body() => {
                connection.allow_for(connection.input.len() - before);
                connection.hold(receiver.held(&connection.input));
                if service.is_full() {
                    refuse_overload(connection, service);
                    return Step::Next;
                }
            }
            Ok(Moved::Bytes) => {}
            Ok(Moved::Pending(interest)) => {
                connection.stage = Stage::Receive(receiver);
                connection.shrink();
                return Step::Wait(interest);
            }
            Ok(Moved::End) if before == 0 => return Step::Close(CloseReason::ClientClosed),
            Ok(Moved::End) => return refuse(connection, Error::Truncated),
            Err(_) => return Step::Close(CloseReason::Failed),
        }
    }
    // A client that sends without a pause takes its turn with others, and no longer than
    // its deadline.
    if connection.deadline <= Instant::now() {
        let answer = Answer::client_timeout(connection.head_only());
        begin_sending(connection, answer, true, service);
        return Step::Next;
    }
    connection.stage = Stage::Receive(receiver);
    Step::Wait(Interest::Readable)
}

/// Answers a request that there is no room for.
fn refuse_overload(connection: &mut Connection, service: &Service) {
    let (id, head_only) = (connection.id, connection.head_only());
    let asked = Asked { id, head_only, close: Some(CloseReason::Overloaded) };
    let answer = Answer::fault(&Fault::Overloaded, asked);
    begin_sending(connection, answer, true, service);
}

/// Runs the handler and makes its answer. Says too whether the client may be sending
/// what nobody will read.
fn handle(connection: &Connection, message: &Message, service: &Service) -> (Answer, bool) {
    let text = http1::decode(connection.input.get(..message.head).unwrap_or_default());
    let head = match http1::parse(&text, &service.bounds.limits) {
        Ok(head) => head,
        Err(error) => return (Answer::refusal(error, connection.head_only()), true),
    };
    let close = service.close_reason(&head, connection.answered);
    let Head { method, target, protocol, headers } = head;
    let request = Request {
        method,
        path: http1::path(target),
        query: http1::query(target),
        protocol,
        headers,
        data: message.data(&connection.input),
    };
    let call = Call { id: connection.id, args: &service.args };
    let response = if connection.deadline < Instant::now() {
        Err(Fault::Overloaded)
    } else {
        call_handler(service, &request, &call)
    };
    let asked = Asked { id: call.id, head_only: method == "HEAD", close };
    let answer = response.and_then(|response| Answer::response(response, asked));
    let answer = answer.unwrap_or_else(|fault| {
        let status = fault.status();
        let (method, target) = (excerpt(method), excerpt(target));
        warn!(request = %call.id, method, target, status, reason = %fault.reason(), "{fault}");
        Answer::fault(&fault, asked)
    });
    // A body that was sent without its length, or another request behind this one.
    let may_have_body =
        message.body.is_none() && !matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS");
    let unread = may_have_body || connection.input.len() > message.length();
    (answer, unread)
}

/// As much of a client's word as the log has use for. As a field, it is quoted there.
fn excerpt(word: &str) -> &str {
    word.get(..word.floor_char_boundary(256)).unwrap_or(word)
}

/// A handler that panics in the host harms its own request only.
fn call_handler(
    service: &Service,
    request: &Request<'_>,
    call: &Call<'_>,
) -> Result<Response, Fault> {
    let handled = catch_unwind(AssertUnwindSafe(|| service.handler.handle(request, call)));
    handled.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Fault::Trap(format!("panicked in the host: {text}")))
    })
}

fn begin_sending(connection: &mut Connection, answer: Answer, unread: bool, service: &Service) {
    let Answer { status, reason, head, data, close } = answer;
    let (id, bytes) = (connection.id, data.len());
    debug!(request = %id, client = ?connection.peer(), status, %reason, bytes, "answered");
    let then = match close {
        None => Then::NextRequest,
        Some(reason) if unread => Then::Drain(reason),
        Some(reason) => Then::Close(reason),
    };
    if close.is_some() {
        // A client that is slow to read holds no memory with its request.
        connection.input = Vec::new();
    }
    connection.hold(data.len());
    connection.answered = connection.answered.saturating_add(1);
    connection.begin_stage(service.bounds.timeouts.write);
    connection.stage = Stage::Send(Output { head, data, sent: 0, then });
}

/// Sends until all is sent, then begins the next request or the end. Nothing more is
/// owed at the end, but the client may have to be listened to: to close on unread bytes
/// resets the connection, and with it goes an answer that is still on its way
/// (RFC 9112 section 9.6).
fn send(connection: &mut Connection, mut output: Output, service: &Service) -> Step {
    let before = output.sent;
    let moved = connection.send(&mut output);
    match moved {
        Ok(Moved::Pending(interest)) => {
            // What went at first has filled the kernel's buffer. What goes later has room
            // because the client took as much.
            if before > 0 {
                connection.allow_for(output.sent - before);
            }
            connection.stage = Stage::Send(output);
            return Step::Wait(interest);
        }
        Ok(Moved::Bytes | Moved::End) => {}
        Err(_) => return Step::Close(CloseReason::Failed),
    }
    connection.hold(0);
    match output.then {
        Then::NextRequest => {
            connection.id = service.next_id();
            let idle = service.bounds.keep_alive.unwrap_or_default().idle;
            let begun = !connection.input.is_empty();
            connection.begin_stage(if begun { service.bounds.timeouts.head } else { idle });
            connection.stage = Stage::Receive(Receiver::default());
            Step::Next
        }
        Then::Close(reason) => Step::Close(reason),
        Then::Drain(reason) => {
            if connection.finish_sending().is_err() {
                return Step::Close(reason);
            }
            let mut drain = service.bounds.timeouts.drain;
            if reason == CloseReason::SlowRequest {
                // It has had its time; this is for the answer to arrive.
                drain = drain.min(LAST_WORD);
            }
            connection.begin_stage(drain);
            connection.stage = Stage::Drain;
            Step::Next
        }
    }
}

/// Reads and drops what the client still sends.
fn drain(connection: &mut Connection) -> Step {
    match connection.drain() {
        Ok(Moved::Pending(interest)) => {
            connection.stage = Stage::Drain;
            Step::Wait(interest)
        }
        Ok(_) => Step::Close(CloseReason::ClientClosed),
        Err(_) => Step::Close(CloseReason::Failed),
    }
}
