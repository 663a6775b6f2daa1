//! The path and the query of a request target, split but not decoded.

use std::net::IpAddr;

use memchr::{memchr, memchr_iter};

use super::{Error, Limits};

fn split(target: &str) -> (&str, &str) {
    match memchr(b'?', target.as_bytes()) {
        Some(mark) => {
            let (path, query) = target.split_at(mark);
            (path, query.strip_prefix('?').unwrap_or(query))
        }
        None => (target, ""),
    }
}

/// The authority of a target in absolute form, such as `http://host:80/path`. A head that was
/// parsed has none that is not a host.
pub fn authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    let is_scheme = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_scheme.then(|| rest.split(['/', '?']).next().unwrap_or_default())
}

/// What of an authority is the host. A port is digits, or none after the colon.
pub fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The IP address that a host is. Version 6 stands in brackets.
pub fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

/// Checks the host that a target names, if it does, and of how many parts it is.
///
/// # Errors
///
/// [`Error::TargetHost`] and [`Error::TargetParts`].
pub(super) fn check(target: &str, limits: &Limits) -> Result<(), Error> {
    if !target.starts_with('/') && !authority(target).is_none_or(is_host) {
        return Err(Error::TargetHost);
    }
    // No part is shorter than the mark that begins it.
    if target.len() <= limits.target_parts {
        return Ok(());
    }
    let (path, query) = split(target);
    let parts = |marked: &str, mark| memchr_iter(mark, marked.as_bytes()).count();
    let items = if query.is_empty() { 0 } else { 1 + parts(query, b'&') };
    match parts(path, b'/').saturating_add(items) > limits.target_parts {
        true => Err(Error::TargetParts),
        false => Ok(()),
    }
}

/// Whether this is `uri-host [ ":" port ]` (RFC 9110 section 7.2), and not an empty one.
pub(super) fn is_host(authority: &str) -> bool {
    let host = without_port(authority);
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
    address(host).is_some() || !host.is_empty() && host.bytes().all(is_letter)
}

/// The target before its first `?`, without leading and trailing `/`, split on `/`.
/// Never empty: `/` gives one empty segment.
pub fn path(target: &str) -> Vec<&str> {
    split(target).0.trim_matches('/').split('/').collect()
}

/// The target after its first `?`, split on `&`, each item at its first `=`. An item
/// without `=` has an empty value; a target without a query has no items.
pub fn query(target: &str) -> Vec<(&str, &str)> {
    match split(target).1 {
        "" => Vec::new(),
        query => query.split('&').map(|item| item.split_once('=').unwrap_or((item, ""))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_never_empty_and_not_decoded() {
        assert_eq!(path(""), [""]);
        assert_eq!(path("/"), [""]);
        assert_eq!(path("//"), [""]);
        assert_eq!(path("/?a"), [""]);
        assert_eq!(path("///a//b//"), ["a", "", "b"]);
        assert_eq!(path("a/../%2F/é"), ["a", "..", "%2F", "é"]);
        assert_eq!(path("http://host/a?b/c"), ["http:", "", "host", "a"]);
    }

    #[test]
    fn a_target_names_a_host_or_none() {
        for target in [
            "",
            "/",
            "*",
            "a:1",
            "/http://",
            "ftp://a@b",
            "http://a",
            "HTTPS://a.b-c_d:80/x@y#z",
            "http://[::1]:80?@",
            "http://[::1]",
            "http://a:",
        ] {
            assert_eq!(check(target, &Limits::default()), Ok(()), "{target}");
        }
        for target in [
            "http://",
            "http:///a",
            "http://:80/",
            "http://a@b/",
            "http://a#b/",
            "http://a:b/",
            "https://[::1/",
            "http://[::1]x/",
            "http://[::1]]:80/",
            "http://[127.0.0.1]/",
            "http://::1/",
            "http://[a]/",
            "http://\u{e9}/",
            "http://a\\b/",
            "http://a:1:2/",
        ] {
            assert_eq!(check(target, &Limits::default()), Err(Error::TargetHost), "{target}");
        }
    }

    #[test]
    fn a_port_is_told_from_a_host_and_an_address_from_a_name() {
        let version_6 = "::1".parse().ok();
        for (authority, host, ip) in [
            ("", "", None),
            (":80", "", None),
            ("a:80", "a", None),
            ("a:", "a", None),
            ("a:b", "a:b", None),
            ("127.0.0.1:80", "127.0.0.1", "127.0.0.1".parse().ok()),
            ("127.0.0.01", "127.0.0.01", None),
            ("[::1]:80", "[::1]", version_6),
            ("[0:0::1]", "[0:0::1]", version_6),
            ("[::1]x", "[::1]x", None),
            ("[::1", "[:", None),
        ] {
            assert_eq!(without_port(authority), host);
            assert_eq!(address(host), ip, "{host}");
        }
    }

    #[test]
    fn a_query_keeps_order_and_duplicates() {
        assert_eq!(query("/"), []);
        assert_eq!(query("/?"), []);
        assert_eq!(query("/?a=1&b&a=2=3&=4"), [("a", "1"), ("b", ""), ("a", "2=3"), ("", "4")]);
        assert_eq!(query("/?a?b=%20+"), [("a?b", "%20+")]);
        assert_eq!(query("/?&"), [("", ""), ("", "")]);
    }

    #[test]
    fn a_target_has_so_many_segments_and_items_together() {
        let limits = Limits { target_parts: 3, ..Limits::default() };
        for (target, is_within) in [
            ("/a/b/c", true),
            ("/a/b/c/d", false),
            ("/a/b?c", true),
            ("/a/b?", true),
            ("/a/b?c&d", false),
            ("/a?b/c/d/e", true),
            ("/a&b&c&d", true),
        ] {
            assert_eq!(check(target, &limits).is_ok(), is_within, "{target}");
        }
    }
}
