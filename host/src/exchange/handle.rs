//! The stage in which a handler runs, and its answer is made.

use std::time::Instant;

use tracing::{error, warn};

use super::send::{begin_sending, pace};
use crate::admission::Run;
use crate::answer::{Answer, Asked};
use crate::background;
use crate::catalog::Endpoint;
use crate::catch_panic::catch_panic;
use crate::connection::Connection;
use crate::cpu_time::CpuTimer;
use crate::handler;
use crate::http1::{self, Head, Message};
use crate::load::Held;
use crate::record::{MAX_WORD, Record};
use crate::request_id;
use crate::rewrite::Rewrite;
use crate::service::Service;
use crate::stage::Then;
use crate::text::{Quoted, quote};
use crate::{Call, CloseReason, Cost, Fault, Limit, Reason, Request, RequestId, Response};

/// What handling a request came to.
pub(crate) struct Handled {
    answer: Answer,
    /// How the answer ends, if it is the last.
    end: fn(CloseReason) -> Then,
    /// The answer's data, if it is so much that it is counted.
    held: Option<Held>,
    run: Run,
}

impl Handled {
    /// What is left to say when the host itself has panicked: the room that the request had
    /// must be given back.
    pub(super) fn panicked(connection: &Connection, panic: &str, service: &Service) -> Handled {
        error!(request = %connection.id, panic, "a request was given up");
        let fault = Fault::Trap(panic.to_owned());
        let (id, head_only) = (connection.id, connection.head_only());
        let asked = Asked { id, head_only, close: Some(CloseReason::Failed) };
        let answer = Answer::fault(&fault, asked);
        let now = Instant::now();
        let record = || service.record(&Record::of(connection, None, &answer, now));
        if let Err(panic) = catch_panic(record) {
            error!(request = %connection.id, panic, "it is in no log of requests");
        }
        Handled { answer, end: Then::Drain, held: None, run: Run::none(now) }
    }
}

/// Runs the handler of a request that has come whole, if it may run, and makes its answer.
pub(super) fn handle(
    connection: &Connection,
    message: &Message,
    may_run: Result<(), Fault>,
    service: &Service,
) -> Handled {
    let started = Instant::now();
    let busy = CpuTimer::since(started);
    let text = http1::decode(connection.input.get(..message.head).unwrap_or_default());
    let head = match http1::parse(&text, &service.settings.limits) {
        Ok(head) => head,
        Err(error) => {
            let answer = Answer::refusal(error, connection.head_only());
            return Handled { answer, end: Then::Drain, held: None, run: Run::none(started) };
        }
    };
    let id = connection.id;
    let Head { method, target, protocol, .. } = head;
    let close = service.close_reason(&head, connection.answered);
    let asked = Asked { id, head_only: method == "HEAD", close };
    let rewrite = Rewrite::of(&head, service.settings.request_ids.then_some(id));
    let (request, request_id) = rewrite.request(head, message.data(&connection.input));
    let endpoint = connection.endpoint.as_deref();
    let may_begin = may_run.is_ok();
    let has_queued = has_queued(&may_run);
    let (response, cost) = match may_run {
        Ok(()) => call(connection, endpoint, &request),
        Err(fault) => (Err(fault), Cost::default()),
    };
    let response = response.map(|mut response| {
        response.headers.retain(|(name, _)| request_id.is_none() || !request_id::is_header(name));
        response
    });
    let (mut answer, fault) = Answer::of(response, asked);
    // What a client is slow to take is held for as long.
    let size = answer.head.len().saturating_add(answer.data.len());
    let held = service.reserve(size, endpoint).unwrap_or_else(|fault| {
        answer = Answer::fault(&fault, asked);
        None
    });
    if let (Some(fault), Some(endpoint)) = (fault, endpoint) {
        log_fault(&fault, &answer, endpoint, id, (method, target));
    }
    if let Some(request_id) = request_id {
        answer.tell_id(request_id);
    }
    let ended = Instant::now();
    let head = Head { method, target, protocol, headers: request.headers };
    let mut record = Record::of(connection, Some(&head), &answer, ended);
    record.outcome.received = request.data.map_or(0, <[u8]>::len);
    record.outcome.queued =
        has_queued.then(|| started.saturating_duration_since(connection.complete));
    record.outcome.cost = cost;
    service.record(&record);
    let run = match may_begin {
        true => Run {
            took: ended.saturating_duration_since(started),
            busy: busy.time(ended),
            place: background::place(),
            ended,
        },
        false => Run::none(ended),
    };
    Handled { answer, end: end(connection, message, method), held, run }
}

/// Whether a request had a place in line, whatever became of it.
fn has_queued(may_run: &Result<(), Fault>) -> bool {
    match may_run {
        Ok(()) | Err(Fault::ClientGone) => true,
        Err(fault) => {
            matches!(fault.limit(), Some(Limit::QueueTimeout | Limit::ShutdownTimeout))
        }
    }
}

/// Calls the handler, if there is one. One that panics in the host harms its own request only.
fn call(
    connection: &Connection,
    endpoint: Option<&Endpoint>,
    request: &Request<'_>,
) -> (Result<Response, Fault>, Cost) {
    let Some(endpoint) = endpoint else { return (Err(Fault::NoRoute), Cost::default()) };
    let Some(handler) = &endpoint.handler else {
        return (Err(Fault::Unavailable), Cost::default());
    };
    let mut call = Call::new(connection.id, &endpoint.args, &endpoint.origin);
    call.client = connection.client;
    // Components have deadlines of their own, and say so; others have none.
    background::go_on(connection.deadline);
    let response = handler::handle(handler, request, &call);
    // What follows takes locks that all wait for.
    background::end();
    (response, call.cost.get())
}

/// How a request's answer ends, if it is the last. A client is listened to that may have sent a
/// body without its length, and one that has sent another request behind this one.
fn end(connection: &Connection, message: &Message, method: &str) -> fn(CloseReason) -> Then {
    let has_body = message.body.is_some();
    let may_have_body = !has_body && !matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS");
    if may_have_body || connection.input.len() > message.length() {
        Then::Drain
    } else if has_body {
        Then::Finish
    } else {
        Then::Close
    }
}

/// Gives back the slot that a request had, and begins to send its answer.
pub(super) fn finish(
    connection: &mut Connection,
    message: &Message,
    handled: Handled,
    service: &Service,
) {
    if let Some(endpoint) = connection.endpoint.take() {
        service.admission.leave(connection, &endpoint.lane, &handled.run);
    }
    // What is behind the request belongs to the next one.
    let length = message.length().min(connection.input.len());
    connection.input.drain(..length);
    connection.shrink_large();
    connection.take_over(handled.held);
    let reason = handled.answer.reason;
    begin_sending(connection, handled.answer, handled.end, service);
    pace(connection, reason, message.head, service);
}

/// Says why a handler gave no answer, as far as its tenant's log has room for it. What could not
/// run, or be answered, for want of something is only in the access log and the metrics.
fn log_fault(
    fault: &Fault,
    answer: &Answer,
    endpoint: &Endpoint,
    id: RequestId,
    (method, target): (&str, &str),
) {
    if matches!(
        answer.reason,
        Reason::NoRoute | Reason::Overloaded | Reason::Unavailable | Reason::ClientGone
    ) {
        return;
    }
    let (method, target) = (quote(method, MAX_WORD), quote(target, MAX_WORD));
    let text = fault.to_string();
    let [method, target, text] = [&method, &target, &text].map(|text| Quoted(text));
    let origin = &endpoint.origin;
    let size = origin.record_size(method.len() + target.len() + text.len());
    if origin.account.may_log_fault(size) {
        let (tenant, route) = (origin.tenant(), origin.route());
        warn!(request = %id, tenant, route, ?method, ?target, status = answer.status, reason = %answer.reason, fault = ?text);
    }
}
