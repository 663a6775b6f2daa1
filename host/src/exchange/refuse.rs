//! Answers without a handler: to requests that cannot be read, have nobody to answer
//! them, or find no room.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::handle::{finish, handle};
use super::send::begin_sending;
use crate::CloseReason;
use crate::answer::{Answer, Asked};
use crate::connection::Connection;
use crate::http1::Message;
use crate::rate::Fill;
use crate::record::{self, Record, Words};
use crate::request_id;
use crate::service::Service;
use crate::{Fault, Limit, Reason};

/// How long a client waits for the same answer that comes too soon after it was told to try again
/// later, as long as that was.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// How many can be told so in a second, and how many at once, before any waits. It is a small
/// part of what a processor can.
const REFUSALS: Fill = Fill { per_second: 4000.0, most: 400.0 };

/// Answers a request that is not handled.
pub(super) fn refuse(connection: &mut Connection, mut answer: Answer, service: &Service) {
    let limits = &service.settings.limits;
    let text = service.records_heads().then(|| record::head_text(&connection.input, limits));
    let head = text.as_deref().map(|text| record::parse_lossy(text, limits));
    let words = head.as_ref().map(Words::of);
    if service.settings.request_ids {
        let id = words.and_then(|words| request_id::of(words.headers));
        answer.tell_id(id.unwrap_or(&connection.id.to_string()));
    }
    service.record(&Record::unhandled(connection, words, &answer));
    begin_sending(connection, answer, true, service);
}

/// Whether a client that is to be told to try again later must wait for that: it was told just
/// before, and many are. Those who ask again at once, however often, would take the time of those
/// who can be answered. What they ask for that there is room for is not kept waiting.
pub(super) fn must_wait(connection: &mut Connection, fault: &Fault, service: &Service) -> bool {
    if !matches!(fault.reason(), Reason::Overloaded | Reason::Unavailable) {
        return false;
    }
    let now = Instant::now();
    let before = connection.refused.take();
    let mut refusals = service.refusals.lock().unwrap_or_else(PoisonError::into_inner);
    let is_soon = before.is_some_and(|before| now.saturating_duration_since(before) < PAUSE);
    !refusals.try_take(1.0, REFUSALS, now) && is_soon
}

/// Answers a request that has come whole and is not handled. It does not cost its client the
/// connection.
pub(super) fn refuse_whole(
    connection: &mut Connection,
    message: &Message,
    fault: Fault,
    service: &Service,
) {
    let refused = handle(connection, message, Err(fault), service);
    connection.endpoint = None;
    finish(connection, message, refused, service);
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
