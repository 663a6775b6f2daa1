//! Answers without a handler: to requests that cannot be read, have nobody to answer
//! them, or find no room.

use super::handle::{finish, handle};
use super::send::begin_sending;
use crate::Fault;
use crate::answer::{Answer, Asked};
use crate::connection::{Connection, Stage};
use crate::http1::CloseReason;
use crate::record::{self, Record, Words};
use crate::request_id;
use crate::service::Service;

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

/// Answers a request that there is no room for. One that has come whole does not cost its
/// client the connection.
pub(super) fn refuse_overload(connection: &mut Connection, service: &Service) {
    match connection.take_stage() {
        Stage::Handle(message) => {
            let refused = handle(connection, &message, Err(Fault::Overloaded), service);
            connection.endpoint = None;
            finish(connection, &message, refused, service);
        }
        _ => {
            let (id, head_only) = (connection.id, connection.head_only());
            let asked = Asked { id, head_only, close: Some(CloseReason::Overloaded) };
            refuse(connection, Answer::fault(&Fault::Overloaded, asked), service);
        }
    }
}

/// Answers a client that was too slow to send its request.
pub(super) fn refuse_slow(connection: &mut Connection, service: &Service) {
    refuse(connection, Answer::client_timeout(connection.head_only()), service);
}
