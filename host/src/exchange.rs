//! A request's whole life: receive, admit, handle, send, drain.
//!
//! [`advance`] takes a connection through its stages as far as it goes without
//! waiting. Where it must wait it is parked, and the thread is free for others.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use tracing::{debug, warn};

use crate::admission::Admitted;
use crate::answer::Answer;
use crate::connection::{Connection, Moved, Output, Stage};
use crate::http1::{self, Error, Head, Message, Received, Receiver};
use crate::poller::Interest;
use crate::service::Service;
use crate::{Call, Fault, Request, Response};

/// What a stage came to.
enum Step {
    /// The next stage can begin.
    Next,
    /// The socket must be waited for.
    Wait(Interest),
    /// The connection is over.
    Close,
}

/// Takes a connection as far as it goes, and after it those that waited for the room
/// that it had. Connections that must wait for their socket are given to `park`.
pub(crate) fn advance(
    connection: Connection,
    service: &Service,
    park: impl Fn(Connection, Interest),
) {
    let mut line = Some(connection);
    while let Some(mut connection) = line.take() {
        connection.begin_turn();
        let wait = loop {
            let step = match mem::replace(&mut connection.stage, Stage::Drain) {
                Stage::Receive(receiver) => receive(&mut connection, receiver, service),
                Stage::Admit(message) => {
                    connection.stage = Stage::Handle(message);
                    connection.begin_stage(service.timeouts.queue);
                    match service.admission.enter(connection) {
                        Admitted::Run(admitted) => connection = admitted,
                        Admitted::Waiting => return,
                        Admitted::Refused(mut refused) => {
                            let head_only = refused.head_only();
                            let answer = Answer::fault(&Fault::Overloaded, refused.id, head_only);
                            begin_sending(&mut refused, answer, true, service);
                            connection = refused;
                        }
                    }
                    Step::Next
                }
                Stage::Handle(message) => {
                    let (answer, drain) = handle(&connection, &message, service);
                    line = service.admission.leave();
                    begin_sending(&mut connection, answer, drain, service);
                    Step::Next
                }
                Stage::Send(output) => send(&mut connection, output, service),
                Stage::Drain => drain(&mut connection),
            };
            match step {
                Step::Next => {}
                Step::Wait(interest) => break Some(interest),
                Step::Close => break None,
            }
        };
        if let Some(interest) = wait {
            park(connection, interest);
        }
    }
}

/// Ends a connection whose stage has lasted too long. A client that was in the middle
/// of its request is told so.
pub(crate) fn expire(
    mut connection: Connection,
    service: &Service,
    park: impl Fn(Connection, Interest),
) {
    if let Stage::Receive(_) = connection.stage
        && !connection.input.is_empty()
    {
        let answer = Answer::client_timeout(connection.head_only());
        begin_sending(&mut connection, answer, true, service);
        advance(connection, service, park);
    }
}

/// Reads until the request is complete, or refuses it.
fn receive(connection: &mut Connection, mut receiver: Receiver, service: &Service) -> Step {
    let refuse = |connection: &mut Connection, error: Error| {
        let answer = Answer::refusal(error, connection.head_only());
        begin_sending(connection, answer, true, service);
        Step::Next
    };
    loop {
        let was_in_body = receiver.in_body();
        match receiver.receive(&mut connection.input, &service.limits) {
            Ok(Received::Message(message)) => {
                connection.stage = Stage::Admit(message);
                return Step::Next;
            }
            Ok(Received::Partial { wants_continue }) => {
                if wants_continue {
                    connection.send_interim(http1::CONTINUE);
                }
                if receiver.in_body() && !was_in_body {
                    connection.begin_stage(service.timeouts.body);
                }
            }
            Err(error) => return refuse(connection, error),
        }
        let before = connection.input.len();
        match connection.read() {
            Ok(Moved::Bytes) if receiver.in_body() => {
                connection.allow_for(connection.input.len() - before);
            }
            Ok(Moved::Bytes) => {}
            Ok(Moved::Pending(interest)) => {
                connection.stage = Stage::Receive(receiver);
                connection.shrink();
                return Step::Wait(interest);
            }
            Ok(Moved::End) if connection.input.is_empty() => return Step::Close,
            Ok(Moved::End) => return refuse(connection, Error::Truncated),
            Err(_) => return Step::Close,
        }
    }
}

/// Runs the handler and makes its answer. Says too whether the client may still be
/// sending.
fn handle(connection: &Connection, message: &Message, service: &Service) -> (Answer, bool) {
    let text = http1::decode(connection.input.get(..message.head).unwrap_or_default());
    let head = match http1::parse(&text, &service.limits) {
        Ok(head) => head,
        Err(error) => return (Answer::refusal(error, connection.head_only()), true),
    };
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
    let head_only = method == "HEAD";
    let answer = response.and_then(|response| Answer::response(response, head_only));
    let answer = answer.unwrap_or_else(|fault| {
        let status = fault.status();
        warn!(request = %call.id, %method, target, status, reason = %fault.reason(), "{fault}");
        Answer::fault(&fault, call.id, head_only)
    });
    // A body that was sent without its length, or another request behind this one.
    let may_have_body =
        message.body.is_none() && !matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS");
    let drain = may_have_body || connection.input.len() > message.length();
    (answer, drain)
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

fn begin_sending(connection: &mut Connection, answer: Answer, drain: bool, service: &Service) {
    let Answer { status, reason, head, data } = answer;
    debug!(request = %connection.id, client = ?connection.peer(), status, %reason, bytes = data.len(), "answered");
    connection.begin_stage(service.timeouts.write);
    // The request has served: a client that is slow to read holds no memory with it.
    connection.input = Vec::new();
    connection.stage = Stage::Send(Output { head, data, sent: 0, drain });
}

/// Sends until all is sent. Nothing more is then owed to the client, but it may have to
/// be listened to: to close on unread bytes resets the connection, and with it goes an
/// answer that is still on its way (RFC 9112 section 9.6).
fn send(connection: &mut Connection, mut output: Output, service: &Service) -> Step {
    let before = output.sent;
    let moved = connection.send(&mut output);
    connection.allow_for(output.sent - before);
    match moved {
        Ok(Moved::Pending(interest)) => {
            connection.stage = Stage::Send(output);
            Step::Wait(interest)
        }
        Ok(_) if output.drain && connection.finish_sending().is_ok() => {
            connection.begin_stage(service.timeouts.drain);
            connection.stage = Stage::Drain;
            Step::Next
        }
        Ok(_) | Err(_) => Step::Close,
    }
}

fn drain(connection: &mut Connection) -> Step {
    match connection.drain() {
        Ok(Moved::Pending(interest)) => {
            connection.stage = Stage::Drain;
            Step::Wait(interest)
        }
        Ok(_) | Err(_) => Step::Close,
    }
}
