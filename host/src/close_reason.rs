//! Why a connection was closed.

use crate::http1::Head;
use crate::words::words;

words! {
    /// Why a connection was closed. Its [`Display`](std::fmt::Display) is one stable word, the same
    /// in the log and the metrics.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum CloseReason {
        /// The server answers one request for each connection.
        OneRequest = "one-request",
        /// The request's protocol is older than HTTP/1.1, or none.
        OldProtocol = "old-protocol",
        /// The client sent `Connection: close`.
        ClientAsked = "client-asked",
        /// The request was CONNECT: what its client sends next is for somebody else.
        Connect = "connect",
        /// The handler chose a protocol that has no persistent connections.
        HandlerProtocol = "handler-protocol",
        /// The connection has had as many requests as it may have.
        RequestCap = "request-cap",
        /// The request could not be read, so nobody knows where the next one starts.
        Unreadable = "unreadable",
        /// Nothing is served there, and the request has a body that nobody will read.
        NoRoute = "no-route",
        /// There was no room for the request.
        Overloaded = "overloaded",
        /// The server is stopping.
        Stopping = "stopping",
        /// There were as many connections as there may be when it came.
        TooManyConnections = "too-many-connections",
        /// The client closed it between two requests, or before the first.
        ClientClosed = "client-closed",
        /// The client sent nothing for too long.
        Idle = "idle",
        /// The client was too slow in sending its request.
        SlowRequest = "slow-request",
        /// The client was too slow in receiving its response.
        SlowResponse = "slow-response",
        /// The connection failed.
        Failed = "failed",
    }
}

impl CloseReason {
    /// Explains the word.
    pub(crate) fn explanation(self) -> &'static str {
        match self {
            CloseReason::OneRequest => "one request for each connection",
            CloseReason::OldProtocol => "the protocol is older than HTTP/1.1",
            CloseReason::ClientAsked => "the client asked for it",
            CloseReason::Connect => "what follows CONNECT is for somebody else",
            CloseReason::HandlerProtocol => "the handler's protocol does not persist",
            CloseReason::RequestCap => "as many requests as a connection may have",
            CloseReason::Unreadable => "the request could not be read",
            CloseReason::NoRoute => "nothing is served there",
            CloseReason::Overloaded => "there was no room for the request",
            CloseReason::Stopping => "the server is stopping",
            CloseReason::TooManyConnections => "there are too many connections",
            CloseReason::ClientClosed => "the client closed it",
            CloseReason::Idle => "the client sent nothing for too long",
            CloseReason::SlowRequest => "the client sent its request too slowly",
            CloseReason::SlowResponse => "the client received its response too slowly",
            CloseReason::Failed => "the connection failed",
        }
    }

    /// Why the connection must be closed after this request, if the request says so
    /// (RFC 9112 section 9.3). Only HTTP/1.1 clients can take another response on the same
    /// connection.
    pub(crate) fn of(head: &Head<'_>) -> Option<CloseReason> {
        if !head.is_1_1() {
            return Some(CloseReason::OldProtocol);
        }
        if head.method == "CONNECT" {
            return Some(CloseReason::Connect);
        }
        head.lists("connection", "close").then_some(CloseReason::ClientAsked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(protocol: &'static str, connection: Option<&'static str>) -> Option<CloseReason> {
        check_method("GET", protocol, connection)
    }

    fn check_method(
        method: &'static str,
        protocol: &'static str,
        connection: Option<&'static str>,
    ) -> Option<CloseReason> {
        let headers = connection.map(|value| ("connection", value)).into_iter().collect();
        CloseReason::of(&Head { method, target: "/", protocol, headers })
    }

    #[test]
    fn nothing_is_read_behind_connect() {
        let reason = check_method("CONNECT", "HTTP/1.1", Some("keep-alive"));
        assert_eq!(reason, Some(CloseReason::Connect));
    }

    #[test]
    fn http_1_1_persists_until_the_client_says_close() {
        assert_eq!(check("HTTP/1.1", None), None);
        assert_eq!(check("HTTP/1.1", Some("keep-alive")), None);
        assert_eq!(check("HTTP/1.1", Some("closed, unclose")), None);
        assert_eq!(check("HTTP/1.1", Some("close")), Some(CloseReason::ClientAsked));
        assert_eq!(check("HTTP/1.1", Some("upgrade,\tClose")), Some(CloseReason::ClientAsked));
    }

    #[test]
    fn older_and_unknown_protocols_do_not_persist() {
        for protocol in ["HTTP/1.0", "", "HTTP/2.0", "http/1.1", "HTTP/1.10"] {
            let reason = check(protocol, Some("keep-alive"));
            assert_eq!(reason, Some(CloseReason::OldProtocol), "{protocol}");
        }
    }
}
