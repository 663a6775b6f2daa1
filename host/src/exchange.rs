//! A request's whole life: receive, route, admit, handle, send, drain.
//!
//! [`advance`] takes a connection through its stages as far as it goes without
//! waiting. Where it must wait it is parked, and the thread is free for others.

use std::borrow::Cow;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use crate::admission::Admitted;
use crate::answer::{Answer, Asked};
use crate::background;
use crate::catalog::Endpoint;
use crate::connection::{Connection, Output, Stage, Then};
use crate::http1::{self, CloseReason, Error, Framing, Head, Limits, Message, Received, Receiver};
use crate::poller::Interest;
use crate::record::{Record, Words};
use crate::request_id;
use crate::service::Service;
use crate::transport::Moved;
use crate::turns::Seat;
use crate::{Call, Cost, Fault, Reason, Request, RequestId, Response};

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
            Stage::Admit(message) => match connection.endpoint.clone() {
                None => {
                    let refused = handle(&connection, &message, None, service);
                    finish(&mut connection, &message, refused, service);
                    Step::Next
                }
                Some(endpoint) => {
                    connection.stage = Stage::Handle(message);
                    let now = Instant::now();
                    connection.begin_waiting(now, service.bounds.timeouts.queue);
                    match service.admission.enter(connection, &endpoint.lane, now) {
                        Admitted::Run(admitted) => connection = admitted,
                        Admitted::Waiting => return next,
                        Admitted::Refused(refused) => {
                            connection = refused;
                            refuse_overload(&mut connection, service);
                        }
                    }
                    Step::Next
                }
            },
            Stage::Handle(message) => {
                let endpoint = connection.endpoint.take();
                let result =
                    seat.risk_turn(|| handle(&connection, &message, endpoint.as_deref(), service));
                let background = background::has_retreated();
                if let Some(endpoint) = endpoint {
                    service.admission.leave(&endpoint.lane, result.busy, result.ended);
                }
                if !background {
                    next = service.admission.next_due();
                }
                handled = true;
                finish(&mut connection, &message, result, service);
                if background {
                    // Nothing but the handler waits for what others leave.
                    Step::Wait(Interest::Writable)
                } else {
                    Step::Next
                }
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
                close(&connection, reason, service);
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
            refuse_slow(&mut connection, service);
            return advance(connection, service, seat, park);
        }
        Stage::Handle(_) => {
            refuse_overload(&mut connection, service);
            return advance(connection, service, seat, park);
        }
        Stage::Receive(_) => CloseReason::Idle,
        _ => CloseReason::SlowResponse,
    };
    close(&connection, reason, service);
}

/// Says why a connection ends, which it does when it is dropped.
fn close(connection: &Connection, reason: CloseReason, service: &Service) {
    service.metrics.count_closed(reason);
    let Connection { id, answered, .. } = connection;
    debug!(request = %id, answered, %reason, "closed");
}

/// Reads until the request is complete, or refuses it.
fn receive(connection: &mut Connection, mut receiver: Receiver, service: &Service) -> Step {
    let refuse = |connection: &mut Connection, unserved: Unserved| {
        let head_only = connection.head_only();
        refuse(connection, unserved.answer(head_only), service);
        Step::Next
    };
    for reads in 0..=READS_IN_A_ROW {
        let was_in_body = receiver.in_body();
        let limits = service.limits(connection.endpoint.as_deref());
        let Connection { input, endpoint, .. } = connection;
        match receiver.receive(input, &limits, |head| route(head, endpoint, service)) {
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
            Err(unserved) => return refuse(connection, unserved),
        }
        if reads == READS_IN_A_ROW {
            // Not before all that was read has been looked at: nothing else may come.
            break;
        }
        let before = connection.input.len();
        match connection.read() {
            // The first request has its time from when the client was accepted.
            Ok(Moved::Bytes) if before == 0 && connection.answered > 0 => {
                connection.begin_request(service.bounds.timeouts.head);
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
            Ok(Moved::End) => return refuse(connection, Error::Truncated.into()),
            Ok(Moved::Unencrypted) => return refuse(connection, Unserved::Unencrypted),
            Err(_) => return Step::Close(CloseReason::Failed),
        }
    }
    // A client that sends without a pause takes its turn with others, and no longer than
    // its deadline.
    if connection.deadline <= Instant::now() {
        refuse_slow(connection, service);
        return Step::Next;
    }
    connection.stage = Stage::Receive(receiver);
    Step::Wait(Interest::Readable)
}

/// Why a request is answered before it has come whole.
enum Unserved {
    Unreadable(Error),
    NoRoute,
    Unencrypted,
}

impl From<Error> for Unserved {
    fn from(error: Error) -> Self {
        Unserved::Unreadable(error)
    }
}

impl Unserved {
    fn answer(self, head_only: bool) -> Answer {
        match self {
            Unserved::Unreadable(error) => Answer::refusal(error, head_only),
            Unserved::NoRoute => Answer::no_route(head_only),
            Unserved::Unencrypted => Answer::unencrypted(head_only),
        }
    }
}

/// Finds the endpoint of a request whose head is complete, and with it the limits of the
/// rest. Without one, a request without a body is as good as received, and others need
/// not send theirs.
fn route(
    head: &Head<'_>,
    endpoint: &mut Option<Arc<Endpoint>>,
    service: &Service,
) -> Result<Limits, Unserved> {
    *endpoint = service.catalog.load().find(head)?.cloned();
    let limits = service.limits(endpoint.as_deref());
    match endpoint {
        None if http1::framing(head, &limits)? != Framing::None => Err(Unserved::NoRoute),
        _ => Ok(limits),
    }
}

/// Answers a request that is not handled.
fn refuse(connection: &mut Connection, mut answer: Answer, service: &Service) {
    let text = service.tells_heads().then(|| head_text(connection, service));
    let head = text.as_deref().map(|text| glance(text, service));
    let words = head.as_ref().map(|&Head { method, target, protocol, ref headers }| Words {
        method,
        target,
        protocol,
        headers,
    });
    if service.bounds.request_ids {
        let id = words.and_then(|words| request_id::of(words.headers));
        answer.tell_id(id.unwrap_or(&connection.id.to_string()));
    }
    service.record(&Record::unhandled(connection, words, &answer));
    begin_sending(connection, answer, true, service);
}

/// As much of a head as has come.
fn head_text<'a>(connection: &'a Connection, service: &Service) -> Cow<'a, str> {
    let (input, limits) = (&connection.input, &service.bounds.limits);
    let end = http1::head_end(input, 0, limits).ok().flatten();
    let end = end.unwrap_or(limits.head_bytes).min(input.len());
    http1::decode(input.get(..end).unwrap_or_default())
}

/// What a head says, although it is not whole or not well formed: at least its first
/// line.
fn glance<'a>(text: &'a str, service: &Service) -> Head<'a> {
    http1::parse(text, &service.bounds.limits).unwrap_or_else(|_| Head {
        method: "",
        target: text.trim_ascii_start().lines().next().unwrap_or_default(),
        protocol: "",
        headers: Vec::new(),
    })
}

/// Answers a request that there is no room for.
fn refuse_overload(connection: &mut Connection, service: &Service) {
    let (id, head_only) = (connection.id, connection.head_only());
    let asked = Asked { id, head_only, close: Some(CloseReason::Overloaded) };
    refuse(connection, Answer::fault(&Fault::Overloaded, asked), service);
}

/// Answers a client that was too slow to send its request.
fn refuse_slow(connection: &mut Connection, service: &Service) {
    refuse(connection, Answer::client_timeout(connection.head_only()), service);
}

/// What handling a request came to.
struct Handled {
    answer: Answer,
    /// Whether the client may be sending what nobody will read.
    unread: bool,
    /// How long it kept a processor busy.
    busy: Duration,
    /// When it was done.
    ended: Instant,
}

/// Runs the endpoint's handler and makes its answer.
fn handle(
    connection: &Connection,
    message: &Message,
    endpoint: Option<&Endpoint>,
    service: &Service,
) -> Handled {
    let started = Instant::now();
    let text = http1::decode(connection.input.get(..message.head).unwrap_or_default());
    let head = match http1::parse(&text, &service.bounds.limits) {
        Ok(head) => head,
        Err(error) => {
            let answer = Answer::refusal(error, connection.head_only());
            return Handled { answer, unread: true, busy: Duration::ZERO, ended: started };
        }
    };
    let close = service.close_reason(&head, connection.answered);
    let Head { method, target, protocol, mut headers } = head;
    let id = connection.id;
    let own_id;
    let request_id = if service.bounds.request_ids {
        own_id = id.to_string();
        Some(request_id::ensure(&mut headers, &own_id))
    } else {
        None
    };
    let (path, query) = (http1::path(target), http1::query(target));
    let data = message.data(&connection.input);
    let request = Request { method, path, query, protocol, headers, data };
    let (response, cost) = match endpoint {
        None => (Err(Fault::NoRoute), Cost::default()),
        Some(_) if connection.deadline < started => (Err(Fault::Overloaded), Cost::default()),
        Some(endpoint) => call_handler(endpoint, id, &request),
    };
    let asked = Asked { id, head_only: method == "HEAD", close };
    let response = response.map(|mut response| {
        if request_id.is_some() {
            response.headers.retain(|(name, _)| !request_id::is_header(name));
        }
        response
    });
    let answer = response.and_then(|response| Answer::response(response, asked));
    let mut answer = answer.unwrap_or_else(|fault| {
        let answer = Answer::fault(&fault, asked);
        if let (Some(endpoint), true) = (endpoint, answer.reason != Reason::NoRoute) {
            let (method, target) = (excerpt(method), excerpt(target));
            let (tenant, route) = (endpoint.origin.tenant(), endpoint.origin.route());
            warn!(request = %id, tenant, route, method, target, status = answer.status, reason = %answer.reason, "{fault}");
        }
        answer
    });
    if let Some(request_id) = request_id {
        answer.tell_id(request_id);
    }
    let ended = Instant::now();
    let headers = request.headers.as_slice();
    service.record(&Record {
        connection,
        head: Some(Words { method, target, protocol, headers }),
        endpoint,
        received: data.map_or(0, <[u8]>::len),
        status: answer.status,
        reason: answer.reason,
        sent: answer.data.len(),
        queued: started.saturating_duration_since(connection.complete),
        total: ended.saturating_duration_since(connection.began),
        cost,
    });
    let wall = ended.saturating_duration_since(started);
    let busy = if cost.cpu.is_zero() { wall } else { cost.cpu.min(wall) };
    // A body that was sent without its length, or another request behind this one.
    let may_have_body =
        message.body.is_none() && !matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS");
    let unread = may_have_body || connection.input.len() > message.length();
    Handled { answer, unread, busy, ended }
}

/// Begins to send the answer of a request that came whole.
fn finish(connection: &mut Connection, message: &Message, handled: Handled, service: &Service) {
    // What is behind the request belongs to the next one.
    let length = message.length().min(connection.input.len());
    connection.input.drain(..length);
    begin_sending(connection, handled.answer, handled.unread, service);
}

/// As much of a client's word as the log has use for. As a field, it is quoted there.
fn excerpt(word: &str) -> &str {
    word.get(..word.floor_char_boundary(256)).unwrap_or(word)
}

/// A handler that panics in the host harms its own request only.
fn call_handler(
    endpoint: &Endpoint,
    id: RequestId,
    request: &Request<'_>,
) -> (Result<Response, Fault>, Cost) {
    let call = Call::new(id, &endpoint.args, &endpoint.origin);
    let handled = catch_unwind(AssertUnwindSafe(|| endpoint.handler.handle(request, &call)));
    let response = handled.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Fault::Trap(format!("panicked in the host: {text}")))
    });
    (response, call.cost.get())
}

fn begin_sending(connection: &mut Connection, answer: Answer, unread: bool, service: &Service) {
    let Answer { head, data, close, .. } = answer;
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
        Ok(_) => {}
        Err(_) => return Step::Close(CloseReason::Failed),
    }
    connection.hold(0);
    match output.then {
        Then::NextRequest => {
            connection.id = service.next_id();
            let idle = service.bounds.keep_alive.unwrap_or_default().idle;
            let begun = !connection.input.is_empty();
            connection.begin_request(if begun { service.bounds.timeouts.head } else { idle });
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
