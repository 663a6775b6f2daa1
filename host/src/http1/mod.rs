//! HTTP/1: bytes in, a request out; a response in, bytes out.
//!
//! In scope: the grammar of requests and responses, how long a body is, and
//! every limit on their sizes. Out of scope: sockets, time, routing and wasm.
//!
//! ```text
//!               parse                  framing                 Decoder
//!   bytes ───────────────▶ Head ───────────────▶ Framing ─────────────────▶ body
//!            (None: more)              │ Length(n): the next n bytes
//!                                      ▼
//!   bytes ◀─────────────── response ◀─ handler
//!             write_head
//! ```
//!
//! What a handler sees is lenient: methods, protocols, header names and statuses
//! are whatever was sent. What frames a message is strict: where two readers could
//! disagree about a length, the request is refused ([`Error`]).
//!
//! ```
//! use picohttp_host::http1::{self, Framing, Limits};
//!
//! let bytes = b"POST /a/b?x=1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
//! let limits = Limits::default();
//!
//! let end = http1::head_end(bytes, 0, &limits)?.expect("the head is complete");
//! let text = http1::decode(&bytes[..end]);
//! let head = http1::parse(&text, &limits)?;
//!
//! assert_eq!(head.method, "POST");
//! assert_eq!(http1::path(head.target), ["a", "b"]);
//! assert_eq!(http1::query(head.target), [("x", "1")]);
//! assert_eq!(http1::framing(&head, &limits)?, Framing::Length(5));
//! # Ok::<(), http1::Error>(())
//! ```

mod chunked;
mod error;
mod field;
mod framing;
mod head;
mod receive;
mod respond;
mod status;
mod target;

pub use chunked::Decoder;
pub use error::Error;
pub use framing::{Framing, framing, host};
pub use head::{Head, asks_for_head, decode, has_begun, head_end, parse};
pub use receive::{Body, Message, Received, Receiver};
pub use respond::{CONTINUE, Unsendable, write_head};
pub use status::reason_phrase;
pub use target::{address, authority, path, query, without_port};

/// The sizes that a request may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The request line and all headers, in bytes, line ends included.
    pub head_bytes: usize,
    /// How many headers there may be.
    pub headers: usize,
    /// How many segments and query items the target may have, together.
    pub target_parts: usize,
    /// The body, in bytes, after any chunked coding is taken off.
    pub body_bytes: u64,
}

impl Default for Limits {
    /// 64 KiB, 1000 headers and 1000 parts of the target of head, 10 MiB of body.
    fn default() -> Self {
        Limits { head_bytes: 64 << 10, headers: 1000, target_parts: 1000, body_bytes: 10 << 20 }
    }
}
