//! What answers a request: a compiled component, or a closure of the embedder's.

use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::Fault;
use crate::account::Account;
use crate::catch_panic::catch_panic;

/// One request, borrowed from the bytes that it arrived in. The fields are those of
/// `record request` in the WIT, which says what each holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method as sent.
    pub method: &'a str,
    /// The segments of the path, undecoded; never empty.
    pub path: Vec<&'a str>,
    /// The items of the query, undecoded.
    pub query: Vec<(&'a str, &'a str)>,
    /// The protocol as sent; empty if none was.
    pub protocol: &'a str,
    /// Every header, in order.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The body, if the request has one.
    pub data: Option<&'a [u8]>,
}

/// A handler's answer. The fields are those of `record response` in the WIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The protocol of the status line.
    pub protocol: String,
    /// The status, from 200 to 999.
    pub status: u16,
    /// Headers to send, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub data: Option<Vec<u8>>,
}

impl Default for Response {
    /// `HTTP/1.0 200` without headers or data.
    fn default() -> Self {
        Response { protocol: "HTTP/1.0".to_owned(), status: 200, headers: Vec::new(), data: None }
    }
}

/// What a handler is told beside the request, and where it says what it took.
#[derive(Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// Names the request in every log line about it.
    pub id: RequestId,
    /// The arguments that the server was given for its handler.
    pub args: &'a [String],
    /// Whose handler it is.
    pub origin: &'a Arc<Origin>,
    /// The client's address, if there is a client and its address is known.
    pub client: Option<IpAddr>,
    /// What answering took, as far as the handler knows.
    pub cost: Cell<Cost>,
}

impl<'a> Call<'a> {
    /// A call of nobody's, that has cost nothing yet.
    pub fn new(id: RequestId, args: &'a [String], origin: &'a Arc<Origin>) -> Call<'a> {
        Call { id, args, origin, client: None, cost: Cell::default() }
    }
}

/// What a record of the log takes beside what it says, in bytes: its time, its level, the names
/// of its fields.
const RECORD: usize = 150;

/// Whose handler it is: the tenant and the route that a request was for.
#[derive(Debug)]
pub struct Origin {
    /// The route's path.
    pub(crate) route: String,
    /// What the tenant has in use.
    pub(crate) account: Arc<Account>,
}

impl Origin {
    /// A route of a tenant that nobody else shares an account with.
    pub fn new(tenant: &str, route: impl Into<String>) -> Origin {
        Origin { route: route.into(), account: Arc::new(Account::new(tenant)) }
    }

    /// The tenant's name.
    pub fn tenant(&self) -> &str {
        &self.account.name
    }

    /// The route's path.
    pub fn route(&self) -> &str {
        &self.route
    }

    /// How many bytes a record of the log takes that has so many of its own to say: empty lines
    /// fill a log, too.
    pub(crate) fn record_size(&self, own: usize) -> usize {
        RECORD + self.tenant().len() + self.route.len() + own
    }
}

/// What it took to answer a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Until the instance was there.
    pub instantiate: Duration,
    /// From then on, until it had answered.
    pub guest: Duration,
    /// How long a processor was busy with both. Of less than a quarter of a millisecond it
    /// is not known how much was spent in waiting.
    pub cpu: Duration,
    /// How much memory the instance had at last, in bytes.
    pub memory: usize,
}

/// The name of one request within a server, shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

impl RequestId {
    /// The digits.
    pub(crate) fn digits(self) -> [u8; 16] {
        std::array::from_fn(|place| {
            let digit = (self.0 >> (60 - 4 * place) & 0xf) as u8;
            digit + if digit < 10 { b'0' } else { b'a' - 10 }
        })
    }
}

impl serde::Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Answers requests, many at a time.
///
/// Implemented by [`Component`](crate::Component), and by closures that take a
/// request and a response to fill in, as picohttp's handler functions do. A closure
/// returns nothing or a `Result`; an error becomes status 500 with its text. Who wants to know
/// the [`Call`], too, implements this trait.
///
/// - Nothing ends a handler of your own but itself: it has no deadline, and as long as it runs it
///   has a place of [`max_concurrent_requests`](crate::HttpServer::max_concurrent_requests) and
///   a thread with a stack of 2 MiB. A component has its own deadline.
/// - One that panics costs its own request (status 500), unless panics abort the program.
/// - Where a tenant has had more of the processors than its share, among others, its handlers
///   go on when nobody else would (Linux's `SCHED_IDLE`): what they lock meanwhile, others may
///   wait for.
/// - A component that prints or waits panics on a thread that runs asynchronous code.
///
/// ```
/// use picohttp_host::{Request, Response};
///
/// let hello = |request: &Request<'_>, response: &mut Response| match request.path[0] {
///     "hello" => response.data = Some(b"Hello world!".to_vec()),
///     _ => response.status = 404,
/// };
/// # fn is_handler(_: impl picohttp_host::Handler) {}
/// # is_handler(hello);
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. It may run on another thread than the one that read it.
    ///
    /// # Errors
    ///
    /// A [`Fault`] when there is no response; it decides the status of the answer.
    fn handle(&self, request: &Request<'_>, call: &Call<'_>) -> Result<Response, Fault>;
}

impl<F, O> Handler for F
where
    F: Fn(&Request<'_>, &mut Response) -> O + Send + Sync + 'static,
    O: IntoResult,
{
    fn handle(&self, request: &Request<'_>, _: &Call<'_>) -> Result<Response, Fault> {
        let mut response = Response::default();
        self(request, &mut response).into_result().map_err(Fault::Error)?;
        Ok(response)
    }
}

impl<H: Handler + ?Sized> Handler for Arc<H> {
    fn handle(&self, request: &Request<'_>, call: &Call<'_>) -> Result<Response, Fault> {
        self.as_ref().handle(request, call)
    }
}

/// Has a handler answer a request. If it panics, that is its fault.
pub(crate) fn handle(
    handler: &(impl Handler + ?Sized),
    request: &Request<'_>,
    call: &Call<'_>,
) -> Result<Response, Fault> {
    catch_panic(|| handler.handle(request, call))
        .unwrap_or_else(|panic| Err(Fault::Trap(format!("panicked in the host: {panic}"))))
}

/// What a handler closure may return: nothing, or a `Result` without a value.
pub trait IntoResult {
    /// The error's text, if it is one.
    ///
    /// # Errors
    ///
    /// The closure's own, as text.
    fn into_result(self) -> Result<(), String>;
}

impl IntoResult for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: fmt::Display> IntoResult for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}
