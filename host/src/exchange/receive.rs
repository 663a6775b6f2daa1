//! The first stages: a request comes in, and its endpoint is found.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::refuse::{record_gone, refuse, refuse_rest, refuse_slow};
use super::{Step, Until};
use crate::answer::{Answer, Asked};
use crate::catalog::Endpoint;
use crate::connection::Connection;
use crate::http1::{self, Error, Framing, Head, Limits, Received, Receiver};
use crate::poller::Interest;
use crate::service::Service;
use crate::stage::Stage;
use crate::transport::Moved;
use crate::{CloseReason, Fault, Limit};

/// How many times, and for how long, a connection is read before others have their turn.
const READS_IN_A_ROW: u32 = 64;
const TIME_IN_A_ROW: Duration = Duration::from_micros(100);

/// Reads until the request is complete, or refuses it.
pub(super) fn receive(
    connection: &mut Connection,
    mut receiver: Receiver,
    service: &Service,
) -> Step {
    let refuse = |connection: &mut Connection, unserved: Unserved| {
        let answer = unserved.answer(connection);
        refuse(connection, answer, service);
        Step::Next
    };
    let mut started = None;
    for reads in 0..=READS_IN_A_ROW {
        let was_in_body = receiver.in_body();
        let limits = service.limits(connection.endpoint.as_deref());
        let Connection { input, endpoint, answered, .. } = connection;
        let is_first = *answered == 0;
        match receiver.receive(input, &limits, |head| route(head, is_first, endpoint, service)) {
            Ok(Received::Message(message)) => {
                connection.stage = if has_room(connection, message.decoded(), service) {
                    Stage::Admit(message)
                } else {
                    Stage::Handle(message, Err(Fault::no_room(Limit::Buffered)))
                };
                return Step::Next;
            }
            Ok(Received::Partial { wants_continue }) => {
                if !has_room(connection, receiver.decoded(), service) {
                    refuse_rest(connection, Limit::Buffered, service);
                    return Step::Next;
                }
                if wants_continue {
                    connection.send_interim(http1::CONTINUE);
                }
                if receiver.in_body() && !was_in_body {
                    connection.begin_stage(service.settings.timeouts.body);
                }
            }
            Err(unserved) => return refuse(connection, unserved),
        }
        if reads == READS_IN_A_ROW
            || reads > 0 && started.get_or_insert_with(Instant::now).elapsed() > TIME_IN_A_ROW
        {
            // Not before all that was read has been looked at: nothing else may come.
            break;
        }
        let (before, had_begun) = (connection.input.len(), connection.has_begun());
        match connection.read(&receiver) {
            Ok(Moved::Bytes) if !had_begun => {
                if connection.has_begun() {
                    connection.began = Instant::now();
                    // The first has its time from when the client was accepted.
                    if connection.answered > 0 {
                        connection.begin_request(service.settings.timeouts.head);
                    }
                }
            }
            Ok(Moved::Bytes) if receiver.in_body() => {
                connection.allow_for(connection.input.len() - before);
            }
            Ok(Moved::Bytes) => {}
            Ok(Moved::Pending(interest)) => {
                connection.stage = Stage::Receive(receiver);
                connection.shrink();
                return Step::Park(Until::Ready(interest));
            }
            Ok(Moved::End) if !had_begun => return Step::Close(CloseReason::ClientClosed),
            Ok(Moved::End) => return refuse(connection, Error::Truncated.into()),
            Ok(Moved::Unencrypted) => return refuse(connection, Unserved::Unencrypted),
            Err(error) => {
                // What is no record of a session says nothing of its client.
                if had_begun && error.kind() != io::ErrorKind::InvalidData {
                    record_gone(connection, service);
                }
                return Step::Close(CloseReason::Failed);
            }
        }
    }
    // A client that sends without a pause takes its turn with others, and no longer than
    // its deadline.
    if connection.deadline <= Instant::now() {
        refuse_slow(connection, time_limit(&receiver), service);
        return Step::Next;
    }
    connection.stage = Stage::Receive(receiver);
    Step::Park(Until::Ready(Interest::Readable))
}

/// What limits the time of a request that is being received.
pub(super) fn time_limit(receiver: &Receiver) -> Limit {
    if receiver.in_body() { Limit::BodyTimeout } else { Limit::HeadTimeout }
}

/// Whether the connection may hold what it does, and so many bytes beside it.
fn has_room(connection: &mut Connection, beside: usize, service: &Service) -> bool {
    !connection.hold(beside) || service.is_within_buffers(connection.endpoint.as_deref())
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
    fn answer(self, connection: &Connection) -> Answer {
        let (id, head_only) = (connection.id, connection.head_only());
        match self {
            Unserved::Unreadable(error) => Answer::refusal(error, head_only),
            Unserved::NoRoute => {
                let close = Some(CloseReason::NoRoute);
                Answer::fault(&Fault::NoRoute, Asked { id, head_only, close })
            }
            Unserved::Unencrypted => Answer::unencrypted(head_only),
        }
    }
}

/// Finds the endpoint of a request whose head is complete, and with it the limits of the
/// rest. Without one, a request without a body is as good as received, and others need
/// not send theirs.
///
/// Behind another request there is none without all of its three words: what looks like one is
/// the rest of a body.
fn route(
    head: &Head<'_>,
    is_first: bool,
    endpoint: &mut Option<Arc<Endpoint>>,
    service: &Service,
) -> Result<Limits, Unserved> {
    if !is_first && !head.is_full() {
        return Err(Error::RequestLine.into());
    }
    *endpoint = service.catalog.load().find(head)?.cloned();
    let limits = service.limits(endpoint.as_deref());
    match endpoint {
        None if !matches!(http1::framing(head, &limits)?, Framing::None | Framing::Length(0)) => {
            Err(Unserved::NoRoute)
        }
        _ => Ok(limits),
    }
}
