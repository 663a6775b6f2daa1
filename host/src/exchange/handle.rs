//! The stage in which a handler runs, and its answer is made.

use std::time::Instant;

use tracing::{error, warn};

use super::send::begin_sending;
use crate::admin;
use crate::admission::Run;
use crate::answer::{Answer, Asked};
use crate::background;
use crate::catalog::Endpoint;
use crate::catch_panic::catch_panic;
use crate::connection::Connection;
use crate::cpu_time::CpuTimer;
use crate::http1::{self, Head, Message};
use crate::load::Held;
use crate::record::{Record, Words};
use crate::request_id;
use crate::service::Service;
use crate::text::{Quoted, quote};
use crate::{Call, CloseReason, Cost, Fault, Handler, Limit, Reason, Request, RequestId, Response};

/// How much of a client's word the log has use for, in bytes.
const MAX_WORD: usize = 256;

/// What handling a request came to.
pub(crate) struct Handled {
    answer: Answer,
    /// Whether the client may be sending what nobody will read.
    unread: bool,
    /// The answer's data, if it is so much that it is counted.
    held: Option<Held>,
    pub(super) run: Run,
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
        let record = || service.record(&Record::unhandled(connection, None, &answer));
        if let Err(panic) = catch_panic(record) {
            error!(request = %connection.id, panic, "it is in no log of requests");
        }
        Handled { answer, unread: true, held: None, run: Run::none(Instant::now()) }
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
            return Handled { answer, unread: true, held: None, run: Run::none(started) };
        }
    };
    let close = service.close_reason(&head, connection.answered);
    let Head { method, target, protocol, mut headers } = head;
    let own_cookies = admin::without_cookies(&headers);
    for (place, cookies) in &own_cookies {
        if let Some((_, value)) = headers.get_mut(*place) {
            *value = cookies;
        }
    }
    // RFC 9112 section 3.2.2: the host that a target names goes in the place of the header's.
    if let Some(host) = http1::authority(target) {
        let own = headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("host"));
        own.for_each(|(_, value)| *value = host);
    }
    let id = connection.id;
    let own_id;
    let request_id = if service.settings.request_ids {
        own_id = id.to_string();
        Some(request_id::ensure(&mut headers, &own_id))
    } else {
        None
    };
    let (path, query) = (http1::path(target), http1::query(target));
    let data = message.data(&connection.input);
    let request = Request { method, path, query, protocol, headers, data };
    let endpoint = connection.endpoint.as_deref();
    let may_begin = may_run.is_ok();
    let has_queued = match &may_run {
        Ok(()) | Err(Fault::ClientGone) => true,
        Err(fault) => {
            matches!(fault.limit(), Some(Limit::QueueTimeout | Limit::ShutdownTimeout))
        }
    };
    let (response, cost) = match may_run {
        Ok(()) => run(connection, endpoint, &request),
        Err(fault) => (Err(fault), Cost::default()),
    };
    let asked = Asked { id, head_only: method == "HEAD", close };
    let response = response.map(|mut response| {
        if request_id.is_some() {
            response.headers.retain(|(name, _)| !request_id::is_header(name));
        }
        response
    });
    let (mut answer, fault) = Answer::of(response, asked);
    // What a client is slow to take is held for as long.
    let size = answer.head.len().saturating_add(answer.data.len());
    let held = service.reserve(size, endpoint).unwrap_or_else(|fault| {
        answer = Answer::fault(&fault, asked);
        None
    });
    // What could not run, or be answered, for want of something is only in the access log and
    // the metrics.
    let is_told = !matches!(
        answer.reason,
        Reason::NoRoute | Reason::Overloaded | Reason::Unavailable | Reason::ClientGone
    );
    if let (Some(fault), Some(endpoint)) = (fault.filter(|_| is_told), endpoint) {
        log_fault(&fault, &answer, endpoint, id, (method, target));
    }
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
        limit: answer.limit,
        sent: answer.data.len(),
        queued: has_queued.then(|| started.saturating_duration_since(connection.complete)),
        total: ended.saturating_duration_since(connection.began),
        cost,
    });
    let unread = has_unread(connection, message, method);
    let took = ended.saturating_duration_since(started);
    let run = match may_begin {
        true => Run { took, busy: busy.time(ended), place: background::place(), ended },
        false => Run::none(ended),
    };
    Handled { answer, unread, held, run }
}

/// Runs the handler, if there is one.
fn run(
    connection: &Connection,
    endpoint: Option<&Endpoint>,
    request: &Request<'_>,
) -> (Result<Response, Fault>, Cost) {
    let Some(endpoint) = endpoint else { return (Err(Fault::NoRoute), Cost::default()) };
    let Some(handler) = &endpoint.handler else {
        return (Err(Fault::Unavailable), Cost::default());
    };
    // Components have deadlines of their own, and say so; others have none.
    background::go_on(connection.deadline);
    let returned = call_handler(handler.as_ref(), endpoint, connection.id, request);
    // What follows takes locks that all wait for.
    background::end();
    returned
}

/// Whether there is a body that was sent without its length, perhaps, or another request behind
/// this one.
fn has_unread(connection: &Connection, message: &Message, method: &str) -> bool {
    let may_have_body =
        message.body.is_none() && !matches!(method, "GET" | "HEAD" | "DELETE" | "OPTIONS");
    may_have_body || connection.input.len() > message.length()
}

/// Begins to send the answer of a request that came whole.
pub(super) fn finish(
    connection: &mut Connection,
    message: &Message,
    handled: Handled,
    service: &Service,
) {
    // What is behind the request belongs to the next one.
    let length = message.length().min(connection.input.len());
    connection.input.drain(..length);
    connection.shrink_large();
    connection.take_over(handled.held);
    begin_sending(connection, handled.answer, handled.unread, service);
}

/// Says why a handler gave no answer, as far as its tenant's log has room for it.
fn log_fault(
    fault: &Fault,
    answer: &Answer,
    endpoint: &Endpoint,
    id: RequestId,
    (method, target): (&str, &str),
) {
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

/// A handler that panics in the host harms its own request only.
fn call_handler(
    handler: &dyn Handler,
    endpoint: &Endpoint,
    id: RequestId,
    request: &Request<'_>,
) -> (Result<Response, Fault>, Cost) {
    let call = Call::new(id, &endpoint.args, &endpoint.origin);
    let handled = catch_panic(|| handler.handle(request, &call));
    let response =
        handled.unwrap_or_else(|panic| Err(Fault::Trap(format!("panicked in the host: {panic}"))));
    (response, call.cost.get())
}
