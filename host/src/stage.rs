//! The stages of a connection's life.

use std::time::Instant;

use crate::exchange::Handled;
use crate::http1::{Message, Receiver};
use crate::{CloseReason, Fault, Limit};

/// Where in its life a connection is.
pub(crate) enum Stage {
    /// Its request is being received.
    Receive(Receiver),
    /// It has begun another request, and others have their turn first.
    GiveWay,
    /// Its request is complete and asks for a slot to run in.
    Admit(Message),
    /// Its request waits for a slot, or has one and waits for a thread.
    Wait(Message),
    /// Its request is to be handled, or refused for this reason.
    Handle(Message, Result<(), Fault>),
    /// Its handler has run, and the answer is ready.
    Answer(Message, Handled),
    /// Its request did not come in time, by this limit. The client is to be told.
    TooSlow(Limit),
    /// Its response is to be sent after a pause.
    Pause(Output),
    /// Its response is being sent.
    Send(Output),
    /// Its response is sent; what the client still sends is read and dropped. To close
    /// on unread bytes resets the connection, and the client may never see its answer
    /// (RFC 9112 section 9.6). Then it is closed, for this reason; at the latest at that moment.
    Drain(CloseReason, Instant),
}

/// A response on its way out.
pub(crate) struct Output {
    /// The head, and anything else that stands before the data.
    pub(crate) head: Vec<u8>,
    /// The data.
    pub(crate) data: Vec<u8>,
    /// How many bytes of both have been sent.
    pub(crate) sent: usize,
    /// What follows when all is sent.
    pub(crate) then: Then,
}

/// What follows an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    /// Another request on the same connection.
    NextRequest,
    /// The end. What the client sends before it, and after it was looked whether there is any,
    /// resets the connection: a request behind this one, which it must be ready to send again
    /// (RFC 9112 section 9.3.2).
    Close(CloseReason),
    /// The end, said before it is looked whether the client has sent any more: a line end behind
    /// its body, perhaps.
    Finish(CloseReason),
    /// The end, once the client has stopped sending.
    Drain(CloseReason),
}
