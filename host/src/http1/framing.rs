//! How long the body of a request is (RFC 9112 section 6.3).
//!
//! Two readers that disagree about a length see two different requests in one
//! stream of bytes. So every doubtful length is an error, and lengths come from
//! headers alone: never from the method.

use super::target::is_host;
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
        (None, Some(coding)) if head.is_1_1() => match coding.rsplit_once(',') {
            None if is_chunked(coding) => Ok(Framing::Chunked),
            // Chunks tell where a body ends only if they are the last coding, and one (RFC 9112
            // sections 6.1 and 6.3).
            Some((others, _)) if others.split(',').any(is_chunked) => Err(Error::AmbiguousLength),
            _ => Err(Error::UnknownCoding),
        },
        (_, Some(_)) => Err(Error::AmbiguousLength),
    }
}

fn is_chunked(coding: &str) -> bool {
    coding.trim_matches([' ', '\t']).eq_ignore_ascii_case("chunked")
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
/// [`Error::Hosts`] if there are two, and [`Error::Host`] if it cannot be a host (RFC 9112
/// section 3.2).
pub fn host<'a>(head: &Head<'a>) -> Result<&'a str, Error> {
    let mut hosts = head
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map(|&(_, value)| value);
    let host = hosts.next().unwrap_or_default();
    if hosts.next().is_some() {
        Err(Error::Hosts)
    } else if host.is_empty() || is_host(host) {
        Ok(host)
    } else {
        Err(Error::Host)
    }
}

/// Whether the client waits for `100 Continue` before it sends its body
/// (RFC 9110 section 10.1.1). Clients before HTTP/1.1 do not understand it.
pub(super) fn expects_continue(head: &Head<'_>) -> bool {
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
        for value in ["gzip", "gzip, br", "gzip, chunked", "identity", "", "xchunked", "chunked;a"]
        {
            assert_eq!(coded(value), Err(Error::UnknownCoding), "{value:?}");
        }
        for value in ["chunked, chunked", "chunked,identity", "gzip, chunked, br", "Chunked\t,"] {
            assert_eq!(coded(value), Err(Error::AmbiguousLength), "{value:?}");
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
    fn a_request_has_one_host_or_none() {
        let named = |hosts: &[&'static str]| {
            let headers = hosts.iter().map(|host| ("hOST", *host)).collect();
            host(&Head { method: "GET", target: "/", protocol: "HTTP/1.1", headers })
        };
        assert_eq!(named(&[]), Ok(""));
        for host in ["", "a.example", "A.example:80", "a.example:", "127.0.0.1", "[::1]:8080"] {
            assert_eq!(named(&[host]), Ok(host));
        }
        for host in [
            "u@a.example",
            "a.example, b.example",
            "a.example b",
            "a.example/",
            "a.example:x",
            "a.example:80:80",
            "http://a.example",
            ":80",
            "::1",
            "[::1",
            "a\u{e9}.example",
        ] {
            assert_eq!(named(&[host]), Err(Error::Host), "{host}");
        }
        assert_eq!(named(&["a", "a"]), Err(Error::Hosts));
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
