//! One request that is answered in memory: without a server, a socket or a thread.

use std::sync::Arc;

use crate::answer::{Answer, Asked};
use crate::handler::handle;
use crate::http1::{self, Error, Limits, Received, Receiver};
use crate::rewrite::Rewrite;
use crate::{Call, CloseReason, Cost, Fault, Handler, Limit, Origin, Reason, RequestId};

/// How a request was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// The head that a client would be sent, line ends and all.
    pub head: Vec<u8>,
    /// The data that it would be sent after the head.
    pub data: Vec<u8>,
    /// The status that is in the head.
    pub status: u16,
    /// How the request ended.
    pub reason: Reason,
    /// The limit that the request met, where the reason leaves more than one.
    pub limit: Option<Limit>,
    /// Why the handler gave no response that can be sent, if it was asked for one.
    pub fault: Option<Fault>,
    /// What it cost.
    pub cost: Cost,
}

/// Answers one request, given as the bytes that a client would send. They are parsed, and
/// the handler is called and its response checked, as a server does it; the handler runs on
/// the present thread, with the name [`RequestId::default`]. One that panics is answered with
/// status 500, as is a component that prints or waits on a thread that runs asynchronous code.
///
/// ```
/// use std::sync::Arc;
/// use picohttp_host::http1::Limits;
/// use picohttp_host::{Origin, Request, Response, answer_in_memory};
///
/// let hello = |request: &Request<'_>, response: &mut Response| {
///     response.data = Some(format!("Hello {}!", request.path[0]).into());
/// };
/// let request = b"GET /world HTTP/1.0\r\n\r\n".to_vec();
/// let origin = Arc::new(Origin::new("tenant", "/..."));
/// let answered = answer_in_memory(&hello, request, &Limits::default(), &[], &origin);
/// assert_eq!((answered.status, answered.data.as_slice()), (200, &b"Hello world!"[..]));
/// ```
pub fn answer_in_memory(
    handler: &impl Handler,
    mut request: Vec<u8>,
    limits: &Limits,
    args: &[String],
    origin: &Arc<Origin>,
) -> Answered {
    let head_only = http1::asks_for_head(&request);
    let refused = |error| answered(Answer::refusal(error, head_only), None, Cost::default());
    let received = Receiver::default().receive(&mut request, limits, |_| Ok(*limits));
    let message = match received {
        Ok(Received::Message(message)) => message,
        Ok(Received::Partial { .. }) => return refused(Error::Truncated),
        Err(error) => return refused(error),
    };
    let text = http1::decode(request.get(..message.head).unwrap_or_default());
    let head = match http1::parse(&text, limits) {
        Ok(head) => head,
        Err(error) => return refused(error),
    };
    let call = Call::new(RequestId::default(), args, origin);
    let close = Some(CloseReason::OneRequest);
    let asked = Asked { id: call.id, head_only: head.method == "HEAD", close };
    let rewrite = Rewrite::of(&head, None);
    let (request, _) = rewrite.request(head, message.data(&request));
    let response = handle(handler, &request, &call);
    let cost = call.cost.get();
    let (answer, fault) = Answer::of(response, asked);
    answered(answer, fault, cost)
}

fn answered(answer: Answer, fault: Option<Fault>, cost: Cost) -> Answered {
    let Answer { status, reason, limit, head, data, close: _ } = answer;
    Answered { head, data, status, reason, limit, fault, cost }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Request, Response};

    #[test]
    fn a_handler_that_panics_costs_its_own_request() {
        let panics = |request: &Request<'_>, _: &mut Response| {
            assert!(request.method.is_empty(), "a word");
        };
        let origin = Arc::new(Origin::new("tenant", "/..."));
        let request = b"GET / HTTP/1.0\r\n\r\n".to_vec();
        let answered = answer_in_memory(&panics, request, &Limits::default(), &[], &origin);
        assert_eq!((answered.status, answered.reason), (500, Reason::Trap));
        assert!(answered.fault.is_some_and(|fault| fault.to_string().contains("a word")));
    }
}
