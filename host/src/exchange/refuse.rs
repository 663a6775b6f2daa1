//! Answers to requests that cannot be read, or not to their end.

use std::borrow::Cow;
use std::time::Instant;

use super::send::begin_sending;
use crate::answer::{Answer, Asked};
use crate::connection::Connection;
use crate::http1::{self, Head, Limits};
use crate::record::Record;
use crate::request_id;
use crate::service::Service;
use crate::stage::Then;
use crate::{CloseReason, Fault, Limit};

/// Answers a request that is not handled.
pub(super) fn refuse(connection: &mut Connection, mut answer: Answer, service: &Service) {
    record_unhandled(connection, &mut answer, service);
    begin_sending(connection, answer, Then::Drain, service);
}

/// Records a request whose client has broken the connection off before it was complete. There is
/// nobody to answer.
pub(super) fn record_gone(connection: &Connection, service: &Service) {
    let asked = Asked { id: connection.id, head_only: true, close: Some(CloseReason::Failed) };
    record_unhandled(connection, &mut Answer::fault(&Fault::ClientGone, asked), service);
}

/// Records a request that is not handled, as far as it came, and names it in its answer.
fn record_unhandled(connection: &Connection, answer: &mut Answer, service: &Service) {
    let limits = &service.settings.limits;
    let text = service.records_heads().then(|| head_text(&connection.input, limits));
    let head = text.as_deref().map(|text| parse_lossy(text, limits));
    if service.settings.request_ids {
        let id = head.as_ref().and_then(|head| request_id::of(&head.headers));
        answer.tell_id(id.unwrap_or(&connection.id.to_string()));
    }
    service.record(&Record::of(connection, head.as_ref(), answer, Instant::now()));
}

/// As much of a head as has come.
fn head_text<'a>(input: &'a [u8], limits: &Limits) -> Cow<'a, str> {
    let end = http1::head_end(input, 0, limits).ok().flatten();
    let end = end.unwrap_or(limits.head_bytes).min(input.len());
    http1::decode(input.get(..end).unwrap_or_default())
}

/// What a head says, although it is not whole or not well formed: at least its first
/// line.
fn parse_lossy<'a>(text: &'a str, limits: &Limits) -> Head<'a> {
    http1::parse(text, limits).unwrap_or_else(|_| Head {
        method: "",
        target: text.trim_ascii_start().lines().next().unwrap_or_default(),
        protocol: "",
        headers: Vec::new(),
    })
}

/// Answers a request of which there is no room for the rest.
pub(super) fn refuse_rest(connection: &mut Connection, limit: Limit, service: &Service) {
    let (id, head_only) = (connection.id, connection.head_only());
    let asked = Asked { id, head_only, close: Some(CloseReason::Overloaded) };
    refuse(connection, Answer::fault(&Fault::no_room(limit), asked), service);
}

/// Answers a client that was too slow to send its request.
pub(super) fn refuse_slow(connection: &mut Connection, limit: Limit, service: &Service) {
    refuse(connection, Answer::client_timeout(limit, connection.head_only()), service);
}
