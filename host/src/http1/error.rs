//! What can be wrong with a request on the wire, and the status that says so.

/// A request that cannot be served. It is answered with [`Error::status`] and the
/// connection is closed: after any of these, where the next request starts is
/// anyone's guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request line has control bytes in it or more than three words
    /// (RFC 9112 section 3).
    #[error("the request line is malformed")]
    RequestLine,
    /// The target is in absolute form, and names a user, or what cannot be a host
    /// (RFC 9110 section 4.2).
    #[error("the host in the request target is malformed")]
    TargetHost,
    /// The target alone is over [`Limits::head_bytes`](super::Limits::head_bytes).
    #[error("the request target is too long")]
    TargetTooLong,
    /// The target has more segments and query items than
    /// [`Limits::target_parts`](super::Limits::target_parts).
    #[error("the request target has too many segments or query items")]
    TargetParts,
    /// The head is over [`Limits::head_bytes`](super::Limits::head_bytes).
    #[error("the request head is too large")]
    HeadTooLarge,
    /// There are more headers than [`Limits::headers`](super::Limits::headers).
    #[error("there are too many headers")]
    TooManyHeaders,
    /// A NUL, or a CR that no LF follows, is in the head (RFC 9112 section 2.2).
    #[error("there is a NUL or a bare CR in the request head")]
    ControlByte,
    /// A header line starts with white space (obs-fold, RFC 9112 section 5.2).
    #[error("a header is folded over two lines")]
    FoldedHeader,
    /// A header has an empty name, control bytes in it, or white space before its
    /// colon (RFC 9112 section 5.1); or it is one of those that frame but for something that
    /// does not belong to it.
    #[error("a header name is malformed")]
    HeaderName,
    /// The request names two hosts (RFC 9112 section 3.2).
    #[error("the request names two hosts")]
    Hosts,
    /// The `Host` header is not one (RFC 9112 section 3.2).
    #[error("the Host header is malformed")]
    Host,
    /// `Content-Length` is not one or more digits, or is given twice with different
    /// values (RFC 9112 section 6.3).
    #[error("Content-Length is malformed")]
    ContentLength,
    /// `Transfer-Encoding` came together with `Content-Length`, twice, in a protocol that is not
    /// HTTP/1.1, or with `chunked` where it is not the last coding, or not the first time
    /// (RFC 9112 sections 6.1 and 6.3).
    #[error("the length of the body is ambiguous")]
    AmbiguousLength,
    /// `Transfer-Encoding` names a coding other than `chunked`.
    #[error("the transfer coding is not supported")]
    UnknownCoding,
    /// The chunked body has longer chunk extensions or trailers than a body needs.
    #[error("the chunked body has too many extensions or trailers")]
    ChunkExtras,
    /// The chunked body is malformed (RFC 9112 section 7.1).
    #[error("the chunked body is malformed")]
    Chunk,
    /// The body is over [`Limits::body_bytes`](super::Limits::body_bytes).
    #[error("the request body is too large")]
    BodyTooLarge,
    /// The client stopped sending in the middle of its request.
    #[error("the request is not complete")]
    Truncated,
}

impl Error {
    /// The status of the answer.
    pub fn status(self) -> u16 {
        match self {
            Error::TargetTooLong | Error::TargetParts => 414,
            Error::HeadTooLarge | Error::TooManyHeaders | Error::ChunkExtras => 431,
            Error::BodyTooLarge => 413,
            Error::UnknownCoding => 501,
            Error::RequestLine
            | Error::TargetHost
            | Error::ControlByte
            | Error::FoldedHeader
            | Error::HeaderName
            | Error::Hosts
            | Error::Host
            | Error::ContentLength
            | Error::AmbiguousLength
            | Error::Chunk
            | Error::Truncated => 400,
        }
    }
}
