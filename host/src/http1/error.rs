//! What can be wrong with a request on the wire, and the status that says so.

use std::fmt;

/// A request that cannot be served. It is answered with [`Error::status`] and the
/// connection is closed: after any of these, where the next request starts is
/// anyone's guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The request line has control bytes in it or more than three words
    /// (RFC 9112 section 3).
    RequestLine,
    /// The target is in absolute form, and names a user, or what cannot be a host
    /// (RFC 9110 section 4.2).
    TargetHost,
    /// The target alone is over [`Limits::head_bytes`](super::Limits::head_bytes).
    TargetTooLong,
    /// The head is over [`Limits::head_bytes`](super::Limits::head_bytes).
    HeadTooLarge,
    /// There are more headers than [`Limits::headers`](super::Limits::headers).
    TooManyHeaders,
    /// A NUL, or a CR that no LF follows, is in the head (RFC 9112 section 2.2).
    ControlByte,
    /// A header line starts with white space (obs-fold, RFC 9112 section 5.2).
    FoldedHeader,
    /// A header has an empty name, control bytes in it, or white space before its
    /// colon (RFC 9112 section 5.1); or it is one of those that frame but for something that
    /// does not belong to it.
    HeaderName,
    /// The request names two hosts (RFC 9112 section 3.2).
    Hosts,
    /// `Content-Length` is not one or more digits, or is given twice with different
    /// values (RFC 9112 section 6.3).
    ContentLength,
    /// `Transfer-Encoding` came together with `Content-Length`, twice, or in a
    /// protocol that is not HTTP/1.1 (RFC 9112 section 6.1).
    AmbiguousLength,
    /// `Transfer-Encoding` names a coding other than `chunked`.
    UnknownCoding,
    /// The chunked body is malformed (RFC 9112 section 7.1).
    Chunk,
    /// The body is over [`Limits::body_bytes`](super::Limits::body_bytes).
    BodyTooLarge,
    /// The client stopped sending in the middle of its request.
    Truncated,
}

impl Error {
    /// The status of the answer.
    pub fn status(self) -> u16 {
        match self {
            Error::TargetTooLong => 414,
            Error::HeadTooLarge | Error::TooManyHeaders => 431,
            Error::BodyTooLarge => 413,
            Error::UnknownCoding => 501,
            Error::RequestLine
            | Error::TargetHost
            | Error::ControlByte
            | Error::FoldedHeader
            | Error::HeaderName
            | Error::Hosts
            | Error::ContentLength
            | Error::AmbiguousLength
            | Error::Chunk
            | Error::Truncated => 400,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::RequestLine => "the request line is malformed",
            Error::TargetHost => "the host in the request target is malformed",
            Error::TargetTooLong => "the request target is too long",
            Error::HeadTooLarge => "the request head is too large",
            Error::TooManyHeaders => "there are too many headers",
            Error::ControlByte => "there is a NUL or a bare CR in the request head",
            Error::FoldedHeader => "a header is folded over two lines",
            Error::HeaderName => "a header name is malformed",
            Error::Hosts => "the request names two hosts",
            Error::ContentLength => "Content-Length is malformed",
            Error::AmbiguousLength => "the length of the body is ambiguous",
            Error::UnknownCoding => "the transfer coding is not supported",
            Error::Chunk => "the chunked body is malformed",
            Error::BodyTooLarge => "the request body is too large",
            Error::Truncated => "the request is not complete",
        })
    }
}

impl std::error::Error for Error {}
