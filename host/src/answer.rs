//! What is sent to a client: a handler's response, or the host's own word in its
//! place.

use crate::http1::{self, Error, Unsendable};
use crate::{CloseReason, Fault, Limit, Reason, RequestId, Response};
use crate::{admin, request_id};

/// How much later a client is told to ask again at the most, in seconds: a day.
const MAX_RETRY_AFTER: u128 = 24 * 60 * 60;

/// An answer, ready to be sent.
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// How the request ended.
    pub(crate) reason: Reason,
    /// The limit that the request met, where the reason leaves more than one.
    pub(crate) limit: Option<Limit>,
    /// The head, line ends and all.
    pub(crate) head: Vec<u8>,
    /// The data to send after the head.
    pub(crate) data: Vec<u8>,
    /// Why the connection is closed after it; `None` if it persists.
    pub(crate) close: Option<CloseReason>,
}

/// What an answer must know of the request.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// The request's name.
    pub(crate) id: RequestId,
    /// Whether the method is HEAD, which is answered without data.
    pub(crate) head_only: bool,
    /// Why the connection is closed after the answer; `None` if it persists.
    pub(crate) close: Option<CloseReason>,
}

impl Answer {
    /// What is said when a handler gave this response, or none for the reason that is returned
    /// with it.
    pub(crate) fn of(response: Result<Response, Fault>, asked: Asked) -> (Answer, Option<Fault>) {
        match response.and_then(|response| Answer::response(response, asked)) {
            Ok(answer) => (answer, None),
            Err(fault) => (Answer::fault(&fault, asked), Some(fault)),
        }
    }

    /// A handler's response. Its data stays behind if the request's method is HEAD or
    /// the status has none.
    ///
    /// A connection that persists speaks HTTP/1.1: the `HTTP/1.0` that responses have
    /// unless handlers say otherwise would tell the client to expect no more.
    ///
    /// # Errors
    ///
    /// [`Fault::BadResponse`] if the response cannot be sent.
    fn response(response: Response, asked: Asked) -> Result<Answer, Fault> {
        let Response { protocol, status, headers, data } = response;
        // RFC 9110 section 15.3.6: what resets a client's form brings nothing else.
        let data = data.filter(|_| status != 205).unwrap_or_default();
        let (protocol, close) = match (protocol.as_str(), asked.close) {
            ("HTTP/1.0" | "HTTP/1.1", None) => ("HTTP/1.1", None),
            (other, None) => (other, Some(CloseReason::HandlerProtocol)),
            (protocol, close) => (protocol, close),
        };
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers = headers.filter(|(name, value)| !admin::sets_cookie(name, value));
        let mut head = Vec::with_capacity(256);
        http1::write_head(&mut head, protocol, status, headers, data.len(), close.is_none())
            .map_err(|error: Unsendable| Fault::BadResponse(error.to_string()))?;
        let head_only = asked.head_only || matches!(status, 204 | 304);
        let data = if head_only { Vec::new() } else { data };
        Ok(Answer { status, reason: Reason::Answered, limit: None, head, data, close })
    }

    /// What is said when a handler gave no response. Only an error that the handler
    /// returned is told to the client; of all others it learns the request's name,
    /// under which the log has the rest.
    pub(crate) fn fault(fault: &Fault, asked: Asked) -> Answer {
        let id = asked.id;
        let text = match fault {
            Fault::Error(message) => format!("{message}\n"),
            Fault::Overloaded { .. } => "too busy to handle this request now\n".to_owned(),
            Fault::Unavailable => "what is served here is not ready\n".to_owned(),
            Fault::NoRoute => "nothing is served here\n".to_owned(),
            Fault::ClientGone => String::new(),
            Fault::Timeout(_) | Fault::CpuTime(_) => {
                format!("the handler took too long (request {id})\n")
            }
            Fault::BadResponse(_) | Fault::ResponseTooLarge(_) => {
                format!("the handler's response is unusable (request {id})\n")
            }
            Fault::Trap(_) | Fault::OutOfMemory { .. } => {
                format!("the handler failed (request {id})\n")
            }
        };
        let Asked { head_only, close, .. } = asked;
        let mut answer = Answer::text(fault.status(), fault.reason(), text, head_only, close);
        answer.limit = fault.limit();
        if let Some(time) = fault.retry_after() {
            let seconds = time.as_nanos().div_ceil(1_000_000_000).clamp(1, MAX_RETRY_AFTER);
            answer.add_header("Retry-After", itoa::Buffer::new().format(seconds));
        }
        answer
    }

    /// What is said to a request that cannot be read.
    pub(crate) fn refusal(error: Error, head_only: bool) -> Answer {
        let close = Some(CloseReason::Unreadable);
        Answer::text(error.status(), error.into(), format!("{error}\n"), head_only, close)
    }

    /// What is said to a client that speaks plain HTTP where TLS is spoken.
    pub(crate) fn unencrypted(head_only: bool) -> Answer {
        let close = Some(CloseReason::Unreadable);
        let text = "this port speaks TLS: https://\n".to_owned();
        Answer::text(400, Reason::BadRequest, text, head_only, close)
    }

    /// What is said to a client that sends too slowly for this limit.
    pub(crate) fn client_timeout(limit: Limit, head_only: bool) -> Answer {
        let close = Some(CloseReason::SlowRequest);
        let text = "the request did not arrive in time\n".to_owned();
        let answer = Answer::text(408, Reason::ClientTimeout, text, head_only, close);
        Answer { limit: Some(limit), ..answer }
    }

    /// Tells the client the name that the request goes by.
    pub(crate) fn tell_id(&mut self, id: &str) {
        self.add_header(request_id::HEADER, id);
    }

    fn add_header(&mut self, name: &str, value: &str) {
        // The head ends with an empty line.
        self.head.truncate(self.head.len().saturating_sub("\r\n".len()));
        for part in [name, ": ", value, "\r\n\r\n"] {
            self.head.extend_from_slice(part.as_bytes());
        }
    }

    fn text(
        status: u16,
        reason: Reason,
        text: String,
        head_only: bool,
        close: Option<CloseReason>,
    ) -> Answer {
        let protocol = if close.is_none() { "HTTP/1.1" } else { "HTTP/1.0" };
        let headers = [("Content-Type", "text/plain; charset=utf-8")];
        let mut head = Vec::with_capacity(256);
        let length = text.len();
        let written =
            http1::write_head(&mut head, protocol, status, headers, length, close.is_none());
        debug_assert_eq!(written, Ok(()), "the host's own head");
        let data = if head_only { Vec::new() } else { text.into_bytes() };
        Answer { status, reason, limit: None, head, data, close }
    }
}
