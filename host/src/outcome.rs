//! How a request ended: the words that logs use, and the statuses that go with them.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::http1::Error;
use crate::text::quote;
use crate::words::words;
use crate::{Cost, Limit, RequestId};

/// How much of a handler's message reaches the log, in bytes.
const MAX_MESSAGE: usize = 2 << 10;

/// When clients should ask again where nobody knows better.
const SOON: Duration = Duration::from_secs(1);

words! {
    /// How a request ended. Its [`Display`](fmt::Display) is one stable word, the same in
    /// every log line.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum Reason {
        /// The handler's own response was sent, whatever its status.
        Answered = "answered",
        /// The request could not be read: 400, or 501 for an unknown transfer coding.
        BadRequest = "bad-request",
        /// Nothing is served at the request's host and path: 404.
        NoRoute = "no-route",
        /// The head or the body of the request came too slowly: 408.
        ClientTimeout = "client-timeout",
        /// The body is over its limit: 413.
        BodyTooLarge = "body-too-large",
        /// The head is over its limit: 431, or 414 for the target.
        HeadTooLarge = "head-too-large",
        /// The handler returned an error: 500 with the handler's message.
        HandlerError = "handler-error",
        /// The handler trapped, panicked, exited or overflowed its stack: 500.
        Trap = "trap",
        /// The handler wanted more memory than it may have: 500.
        OutOfMemory = "out-of-memory",
        /// The handler's response cannot be sent, or is over its limit: 502.
        BadResponse = "bad-response",
        /// The handler ran out of time: 504.
        Timeout = "timeout",
        /// There is no room for the request: 503 with `Retry-After`.
        Overloaded = "overloaded",
        /// The route's handler is not there: it is still being compiled, or could not be
        /// loaded: 503 with `Retry-After`.
        Unavailable = "unavailable",
        /// The client had reset its connection before the request's turn came: 499, to nobody.
        ClientGone = "client-gone",
    }
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        match error {
            Error::BodyTooLarge => Reason::BodyTooLarge,
            Error::TargetTooLong
            | Error::TargetParts
            | Error::HeadTooLarge
            | Error::TooManyHeaders
            | Error::ChunkExtras => Reason::HeadTooLarge,
            Error::RequestLine
            | Error::TargetHost
            | Error::ControlByte
            | Error::FoldedHeader
            | Error::HeaderName
            | Error::Hosts
            | Error::Host
            | Error::ContentLength
            | Error::AmbiguousLength
            | Error::UnknownCoding
            | Error::Chunk
            | Error::Truncated => Reason::BadRequest,
        }
    }
}

/// Why a handler gave no response that can be sent.
///
/// The text within a variant is for the log, and [`Display`](fmt::Display) makes it fit
/// for one: short, and without control characters. A client sees only the text of
/// [`Fault::Error`], which the handler wrote for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The handler returned this error.
    Error(String),
    /// The handler died of this.
    Trap(String),
    /// The handler died after it was refused memory.
    OutOfMemory {
        /// What refused it, if it was not the handler itself.
        limit: Option<Limit>,
        /// What the handler died of.
        message: String,
    },
    /// The handler's response is unusable because of this.
    BadResponse(String),
    /// The handler's response is larger than it may be.
    ResponseTooLarge(String),
    /// The handler was stopped at its deadline, after so long.
    Timeout(Duration),
    /// The handler was stopped after it had kept a processor busy for so long, as it may.
    CpuTime(Duration),
    /// There was no room to run the handler.
    Overloaded {
        /// What left none.
        limit: Limit,
        /// When there may be some again.
        retry_after: Duration,
    },
    /// The handler is still being compiled, or could not be loaded.
    Unavailable,
    /// There is no handler for the request.
    NoRoute,
    /// There is no client for the answer any more.
    ClientGone,
}

impl Fault {
    /// There is no room by this limit, and nobody knows when there will be.
    pub fn no_room(limit: Limit) -> Fault {
        Fault::Overloaded { limit, retry_after: SOON }
    }

    /// The word for it.
    pub fn reason(&self) -> Reason {
        match self {
            Fault::Error(_) => Reason::HandlerError,
            Fault::Trap(_) => Reason::Trap,
            Fault::OutOfMemory { .. } => Reason::OutOfMemory,
            Fault::BadResponse(_) | Fault::ResponseTooLarge(_) => Reason::BadResponse,
            Fault::Timeout(_) | Fault::CpuTime(_) => Reason::Timeout,
            Fault::Overloaded { .. } => Reason::Overloaded,
            Fault::Unavailable => Reason::Unavailable,
            Fault::NoRoute => Reason::NoRoute,
            Fault::ClientGone => Reason::ClientGone,
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Fault::Error(_) | Fault::Trap(_) | Fault::OutOfMemory { .. } => 500,
            Fault::BadResponse(_) | Fault::ResponseTooLarge(_) => 502,
            Fault::Timeout(_) | Fault::CpuTime(_) => 504,
            Fault::Overloaded { .. } | Fault::Unavailable => 503,
            Fault::NoRoute => 404,
            Fault::ClientGone => 499,
        }
    }

    /// The limit that the request met, where the reason leaves more than one.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Fault::Overloaded { limit, .. } => Some(*limit),
            Fault::Timeout(_) => Some(Limit::Timeout),
            Fault::CpuTime(_) => Some(Limit::CpuTime),
            Fault::OutOfMemory { limit, .. } => *limit,
            Fault::ResponseTooLarge(_) => Some(Limit::ResponseSize),
            _ => None,
        }
    }

    /// When the client should ask again, if it should.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Fault::Overloaded { retry_after, .. } => Some(*retry_after),
            Fault::Unavailable => Some(SOON),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Error(message)
            | Fault::Trap(message)
            | Fault::OutOfMemory { message, .. }
            | Fault::BadResponse(message)
            | Fault::ResponseTooLarge(message) => f.write_str(&quote(message, MAX_MESSAGE)),
            Fault::Timeout(most) => {
                write!(f, "the handler did not answer in time: timeout is {most:?}")
            }
            Fault::CpuTime(most) => {
                write!(f, "the handler took more CPU time than it may: cpu_time is {most:?}")
            }
            Fault::Overloaded { limit, .. } => {
                write!(f, "there was no room to run the handler: {limit}")
            }
            Fault::Unavailable => f.write_str("the handler is not loaded"),
            Fault::NoRoute => f.write_str("nothing is served there"),
            Fault::ClientGone => f.write_str("the client is gone"),
        }
    }
}

impl std::error::Error for Fault {}

/// How a request ended, for an [`observer`](crate::HttpServer::observer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome<'a> {
    /// Names the request in every log line about it.
    pub id: RequestId,
    /// The client's address, if it is known.
    pub client: Option<IpAddr>,
    /// The tenant whose request it was; `None` if it was nobody's, or nobody knows.
    pub tenant: Option<&'a str>,
    /// The path of the route that it was for.
    pub route: Option<&'a str>,
    /// The method and the target, as the client sent them: of a request that could not be read
    /// there may be none, or only some.
    pub method: Option<&'a str>,
    /// See `method`.
    pub target: Option<&'a str>,
    /// The status that it was answered with.
    pub status: u16,
    /// Why it was answered so.
    pub reason: Reason,
    /// The limit that it met, where the reason leaves more than one.
    pub limit: Option<Limit>,
    /// How many bytes of body there were to handle.
    pub received: usize,
    /// How many bytes of body the answer has.
    pub sent: usize,
    /// How long it waited in line, if it had a place there.
    pub queued: Option<Duration>,
    /// How long it took from its first byte until its answer was ready.
    pub total: Duration,
    /// What the handler took.
    pub cost: Cost,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handlers_message_cannot_forge_the_log() {
        let fault = Fault::Error("no\nINFO all is well\x1b[2J".to_owned());
        assert_eq!(fault.to_string(), r"no\nINFO all is well\u{1b}[2J");
        let fault = Fault::Error("x".repeat(1 << 20));
        assert!(fault.to_string().len() < 3 << 10);
    }
}
