//! How long the body of a request is (RFC 9112 section 6.3).
//!
//! Two readers that disagree about a length see two different requests in one
//! stream of bytes. So every doubtful length is an error, and lengths come from
//! headers alone: never from the method.

use super::{Error, Head, Limits};

/// How the body of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body: neither `Content-Length` nor `Transfer-Encoding` was sent.
    None,
    /// The body is the next so many bytes.
    Length(u64),
    /// The body is chunked.
    Chunked,
}

/// The framing that a request's headers ask for.
///
/// # Errors
///
/// [`Error::ContentLength`], [`Error::AmbiguousLength`], [`Error::UnknownCoding`],
/// and [`Error::BodyTooLarge`] for a length over [`Limits::body_bytes`].
pub fn framing(head: &Head<'_>, limits: &Limits) -> Result<Framing, Error> {
    let mut length = None;
    let mut coding = None;
    for &(name, value) in &head.headers {
        if name.eq_ignore_ascii_case("content-length") {
            let value = content_length(value)?;
            if length.is_some_and(|length| length != value) {
                return Err(Error::ContentLength);
            }
            length = Some(value);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && coding.replace(value).is_some()
        {
            return Err(Error::AmbiguousLength);
        }
    }
    match (length, coding) {
        (None, None) => Ok(Framing::None),
        (Some(length), None) if length > limits.body_bytes => Err(Error::BodyTooLarge),
        (Some(length), None) => Ok(Framing::Length(length)),
        (None, Some(coding)) if head.is_1_1() => {
            if coding.eq_ignore_ascii_case("chunked") {
                Ok(Framing::Chunked)
            } else {
                Err(Error::UnknownCoding)
            }
        }
        (_, Some(_)) => Err(Error::AmbiguousLength),
    }
}

/// `Content-Length = 1*DIGIT`. `u64::from_str` would take `+5` too; a number too
/// large to count is as good as the largest.
fn content_length(value: &str) -> Result<u64, Error> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::ContentLength);
    }
    Ok(value.parse().unwrap_or(u64::MAX))
}

/// The value of the `Host` header; empty if there is none.
///
/// # Errors
///
/// [`Error::Hosts`] if there are two (RFC 9112 section 3.2).
pub fn host<'a>(head: &Head<'a>) -> Result<&'a str, Error> {
    let mut hosts = head
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|&(_, value)| value);
    let host = hosts.next().unwrap_or_default();
    if hosts.next().is_some() { Err(Error::Hosts) } else { Ok(host) }
}

/// Whether the client waits for `100 Continue` before it sends its body
/// (RFC 9110 section 10.1.1). Clients before HTTP/1.1 do not understand it.
pub fn expects_continue(head: &Head<'_>) -> bool {
    head.is_1_1() && head.lists("expect", "100-continue")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        protocol: &'static str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<Framing, Error> {
        let head = Head { method: "GET", target: "/", protocol, headers: headers.to_vec() };
        framing(&head, &Limits::default())
    }

    #[test]
    fn a_length_is_digits_and_nothing_else() {
        assert_eq!(check("", &[]), Ok(Framing::None));
        assert_eq!(check("", &[("content-LENGTH", "0005")]), Ok(Framing::Length(5)));
        for value in ["", "+5", "-1", "1_0", "0x5", "5.0", "5, 5", "5 5", "\u{664}", "5;", "1e3"] {
            assert_eq!(
                check("", &[("Content-Length", value)]),
                Err(Error::ContentLength),
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_length_over_the_limit_is_too_large_however_large() {
        for value in ["10485761", "18446744073709551616", "99999999999999999999999999"] {
            assert_eq!(check("", &[("Content-Length", value)]), Err(Error::BodyTooLarge));
        }
        assert_eq!(check("", &[("Content-Length", "10485760")]), Ok(Framing::Length(10 << 20)));
    }

    #[test]
    fn repeated_lengths_must_agree() {
        let twice = |second| check("", &[("Content-Length", "5"), ("content-length", second)]);
        assert_eq!(twice("5"), Ok(Framing::Length(5)));
        assert_eq!(twice("6"), Err(Error::ContentLength));
    }

    #[test]
    fn a_transfer_coding_is_chunked_alone_in_http_1_1() {
        let coded = |value| check("HTTP/1.1", &[("Transfer-Encoding", value)]);
        assert_eq!(coded("chunked"), Ok(Framing::Chunked));
        assert_eq!(coded("Chunked"), Ok(Framing::Chunked));
        for value in
            ["gzip", "gzip, chunked", "chunked, chunked", "identity", "", "xchunked", "chunked;a"]
        {
            assert_eq!(coded(value), Err(Error::UnknownCoding), "{value:?}");
        }
        let chunked = ("Transfer-Encoding", "chunked");
        assert_eq!(check("HTTP/1.0", &[chunked]), Err(Error::AmbiguousLength));
        assert_eq!(check("HTTP/1.1", &[chunked, chunked]), Err(Error::AmbiguousLength));
        assert_eq!(
            check("HTTP/1.1", &[chunked, ("Content-Length", "5")]),
            Err(Error::AmbiguousLength)
        );
    }

    #[test]
    fn only_http_1_1_clients_wait_to_continue() {
        let head = |protocol| Head {
            method: "POST",
            target: "/",
            protocol,
            headers: vec![("expect", "100-Continue")],
        };
        assert!(expects_continue(&head("HTTP/1.1")));
        assert!(expects_continue(&head("HTTP/1.2")));
        assert!(!expects_continue(&head("HTTP/1.0")));
    }

    #[test]
    fn what_clients_expect_is_a_list() {
        let expects = |value| {
            let headers = vec![("Expect", value)];
            expects_continue(&Head { method: "POST", target: "/", protocol: "HTTP/1.1", headers })
        };
        assert!(expects("100-continue,"));
        assert!(expects("tea, 100-CONTINUE"));
        assert!(!expects("100-continued"));
    }
}
