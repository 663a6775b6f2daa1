//! What is sent to a client: a handler's response, or the host's own word in its
//! place.

use crate::http1::{self, Error, Unsendable};
use crate::{Fault, Reason, RequestId, Response};

/// An answer, ready to be sent.
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// How the request ended.
    pub(crate) reason: Reason,
    /// The head, line ends and all.
    pub(crate) head: Vec<u8>,
    /// The data to send after the head.
    pub(crate) data: Vec<u8>,
}

impl Answer {
    /// A handler's response. Its data stays behind if the request's method is HEAD or
    /// the status has none.
    ///
    /// # Errors
    ///
    /// [`Fault::BadResponse`] if the response cannot be sent.
    pub(crate) fn response(response: Response, head_only: bool) -> Result<Answer, Fault> {
        let Response { protocol, status, headers, data } = response;
        let data = data.unwrap_or_default();
        let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut head = Vec::with_capacity(256);
        http1::write_head(&mut head, &protocol, status, headers, data.len())
            .map_err(|error: Unsendable| Fault::BadResponse(error.to_string()))?;
        let head_only = head_only || matches!(status, 204 | 304);
        let data = if head_only { Vec::new() } else { data };
        Ok(Answer { status, reason: Reason::Answered, head, data })
    }

    /// What is said when a handler gave no response. Only an error that the handler
    /// returned is told to the client; of all others it learns the request's name,
    /// under which the log has the rest.
    pub(crate) fn fault(fault: &Fault, request: RequestId, head_only: bool) -> Answer {
        let text = match fault {
            Fault::Error(message) => format!("{message}\n"),
            Fault::Overloaded => "too busy to handle this request now\n".to_owned(),
            Fault::Timeout => format!("the handler took too long (request {request})\n"),
            Fault::BadResponse(_) => {
                format!("the handler's response is unusable (request {request})\n")
            }
            Fault::Trap(_) | Fault::OutOfMemory(_) => {
                format!("the handler failed (request {request})\n")
            }
        };
        Answer::text(fault.status(), fault.reason(), text, head_only)
    }

    /// What is said to a request that cannot be read.
    pub(crate) fn refusal(error: Error, head_only: bool) -> Answer {
        Answer::text(error.status(), error.into(), format!("{error}\n"), head_only)
    }

    /// What is said to a client that sends too slowly.
    pub(crate) fn client_timeout(head_only: bool) -> Answer {
        let text = "the request did not arrive in time\n".to_owned();
        Answer::text(408, Reason::ClientTimeout, text, head_only)
    }

    fn text(status: u16, reason: Reason, text: String, head_only: bool) -> Answer {
        let headers = [("Content-Type", "text/plain; charset=utf-8"), ("Retry-After", "1")];
        let headers = if status == 503 { &headers[..] } else { &headers[..1] };
        let mut head = Vec::with_capacity(256);
        let written =
            http1::write_head(&mut head, "HTTP/1.0", status, headers.iter().copied(), text.len());
        debug_assert_eq!(written, Ok(()), "the host's own head");
        let data = if head_only { Vec::new() } else { text.into_bytes() };
        Answer { status, reason, head, data }
    }
}
