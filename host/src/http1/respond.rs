//! Writes the head of a response.
//!
//! Framing headers are the host's. Whatever a handler set, each answer has exactly
//! the `Content-Length` and `Connection` that are true.

use std::io::Write;

use super::field::{is_token, resembles};
use super::reason_phrase;

/// The interim response to a client that waits to be asked for its body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How large the head of a response may be, in bytes.
const MAX_HEAD: usize = 64 << 10;

/// How many headers a handler may set. Clients have limits, too, and many small ones take more of
/// whoever keeps them than they have bytes.
const MAX_HEADERS: usize = 1000;

/// Headers that say how a message is framed or what becomes of its connection. A
/// handler's own are dropped.
const FRAMING: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

/// Why a response cannot be sent: it would break the message apart, or lie about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsendable {
    /// The protocol is empty or has bytes in it that are not visible ASCII.
    #[error("the response's protocol is not visible ASCII")]
    Protocol,
    /// The status is not from 200 to 999.
    #[error("the response's status {0} is not from 200 to 999")]
    Status(u16),
    /// The name of this header, from 1, is empty or has a colon, white space or control bytes in it; or it is one
    /// of those that frame but for something that does not belong to it.
    #[error("header {0} of the response: its name is malformed")]
    HeaderName(usize),
    /// The value of this header, from 1, has CR, LF or NUL in it.
    #[error("header {0} of the response: its value has CR, LF or NUL")]
    HeaderValue(usize),
    /// The head would be over 64 KiB.
    #[error("the response's headers are over 64 KiB")]
    HeadTooLarge,
    /// There are more than 1000 headers.
    #[error("the response has more than {MAX_HEADERS} headers")]
    TooManyHeaders,
}

/// Appends a response's head to `output`, which is left as it was on an error.
///
/// `length` is the number of bytes of data, and `persists` whether the connection stays
/// open for another request. Statuses 204 and 304 are sent without a
/// `Content-Length` (RFC 9110 section 8.6); their data must not be sent either.
///
/// # Errors
///
/// [`Unsendable`] when the head would not be one well-formed head.
pub fn write_head<'a>(
    output: &mut Vec<u8>,
    protocol: &str,
    status: u16,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    length: usize,
    persists: bool,
) -> Result<(), Unsendable> {
    let start = output.len();
    let written = try_write_head(output, start, protocol, status, headers, length, persists);
    if written.is_err() {
        output.truncate(start);
    }
    written
}

fn try_write_head<'a>(
    output: &mut Vec<u8>,
    start: usize,
    protocol: &str,
    status: u16,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    length: usize,
    persists: bool,
) -> Result<(), Unsendable> {
    if protocol.is_empty() || !protocol.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Unsendable::Protocol);
    }
    if !(200..=999).contains(&status) {
        return Err(Unsendable::Status(status));
    }
    if protocol.len() > MAX_HEAD {
        return Err(Unsendable::HeadTooLarge);
    }
    output.extend_from_slice(protocol.as_bytes());
    write_number(output, b" ", status.into());
    output.push(b' ');
    output.extend_from_slice(reason_phrase(status).as_bytes());
    output.extend_from_slice(b"\r\n");
    for (index, (name, value)) in headers.into_iter().enumerate() {
        if index == MAX_HEADERS {
            return Err(Unsendable::TooManyHeaders);
        }
        let malformed = |byte: u8| byte <= b' ' || byte == b':' || byte == 0x7f;
        if !is_token(name)
            && (name.is_empty() || name.bytes().any(malformed) || resembles(name, &FRAMING))
        {
            return Err(Unsendable::HeaderName(index + 1));
        }
        if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(Unsendable::HeaderValue(index + 1));
        }
        if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
            continue;
        }
        if output.len() - start + name.len() + value.len() > MAX_HEAD {
            return Err(Unsendable::HeadTooLarge);
        }
        output.extend_from_slice(name.as_bytes());
        output.extend_from_slice(b": ");
        output.extend_from_slice(value.as_bytes());
        output.extend_from_slice(b"\r\n");
    }
    if !matches!(status, 204 | 304) {
        write_number(output, b"Content-Length: ", length);
        output.extend_from_slice(b"\r\n");
    }
    let connection: &[u8] =
        if persists { b"Connection: keep-alive\r\n\r\n" } else { b"Connection: close\r\n\r\n" };
    output.extend_from_slice(connection);
    if output.len() - start > MAX_HEAD { Err(Unsendable::HeadTooLarge) } else { Ok(()) }
}

fn write_number(output: &mut Vec<u8>, before: &[u8], number: usize) {
    output.extend_from_slice(before);
    // Writing to a Vec cannot fail.
    let _ = write!(output, "{number}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(
        protocol: &str,
        status: u16,
        headers: &[(&str, &str)],
        length: usize,
    ) -> Result<String, Unsendable> {
        let mut output = b"before".to_vec();
        let written =
            write_head(&mut output, protocol, status, headers.iter().copied(), length, false);
        let output = String::from_utf8(output).unwrap();
        written.map(|()| output.clone()).inspect_err(|_| assert_eq!(output, "before"))
    }

    #[test]
    fn a_head_is_what_the_handler_set_and_a_true_length() {
        assert_eq!(
            head("HTTP/1.0", 200, &[("a", "1"), ("A", "2: 3")], 12).unwrap(),
            "beforeHTTP/1.0 200 OK\r\na: 1\r\nA: 2: 3\r\nContent-Length: 12\r\nConnection: close\r\n\r\n"
        );
        assert!(head("FOO/9", 799, &[], 0).unwrap().starts_with("beforeFOO/9 799 \r\n"));
    }

    #[test]
    fn framing_headers_are_the_hosts() {
        let lies = [
            ("content-length", "999"),
            ("Transfer-Encoding", "chunked"),
            ("CONNECTION", "keep-alive"),
            ("Keep-Alive", "timeout=5"),
        ];
        assert_eq!(head("HTTP/1.0", 200, &lies, 1), head("HTTP/1.0", 200, &[], 1));
    }

    #[test]
    fn no_content_has_no_length() {
        for status in [204, 304] {
            assert!(!head("HTTP/1.0", status, &[], 7).unwrap().contains("Content-Length"));
        }
    }

    #[test]
    fn what_would_break_the_head_is_unsendable() {
        for protocol in ["", "HTTP/1.0 200", "HTTP/1.0\r\n", "HTTP/1.0\u{e9}"] {
            assert_eq!(head(protocol, 200, &[], 0), Err(Unsendable::Protocol));
        }
        for status in [0, 99, 100, 101, 199, 1000, 65535] {
            assert_eq!(head("HTTP/1.0", status, &[], 0), Err(Unsendable::Status(status)));
        }
        for name in ["", "a:", "a b", "a\r", "a\n", "a\0", "\u{7f}"] {
            assert_eq!(head("HTTP/1.0", 200, &[(name, "")], 0), Err(Unsendable::HeaderName(1)));
        }
        for name in ["Content-Length\u{a0}", "\u{feff}transfer-encoding", "\u{85}Connection"] {
            assert_eq!(head("HTTP/1.0", 200, &[(name, "")], 0), Err(Unsendable::HeaderName(1)));
        }
        assert!(head("HTTP/1.0", 200, &[("gr\u{fc}n", ""), ("content-lengths", "")], 0).is_ok());
        for value in ["a\rb", "a\nb", "a\0b"] {
            assert_eq!(head("HTTP/1.0", 200, &[("a", value)], 0), Err(Unsendable::HeaderValue(1)));
            let framing = [("Content-Length", value)];
            assert_eq!(head("HTTP/1.0", 200, &framing, 0), Err(Unsendable::HeaderValue(1)));
        }
        let long = "a".repeat(MAX_HEAD);
        assert_eq!(head("HTTP/1.0", 200, &[("a", &long)], 0), Err(Unsendable::HeadTooLarge));
        assert_eq!(head(&long, 200, &[("a", "")], 0), Err(Unsendable::HeadTooLarge));
        assert!(head("HTTP/1.0", 200, &[("a", ""); MAX_HEADERS], 0).is_ok());
        let many = [("a", ""); MAX_HEADERS + 1];
        assert_eq!(head("HTTP/1.0", 200, &many, 0), Err(Unsendable::TooManyHeaders));
    }
}
