//! The path and the query of a request target, split but not decoded.

use memchr::memchr;

fn split(target: &str) -> (&str, &str) {
    match memchr(b'?', target.as_bytes()) {
        Some(mark) => {
            let (path, query) = target.split_at(mark);
            (path, query.strip_prefix('?').unwrap_or(query))
        }
        None => (target, ""),
    }
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
    fn a_query_keeps_order_and_duplicates() {
        assert_eq!(query("/"), []);
        assert_eq!(query("/?"), []);
        assert_eq!(query("/?a=1&b&a=2=3&=4"), [("a", "1"), ("b", ""), ("a", "2=3"), ("", "4")]);
        assert_eq!(query("/?a?b=%20+"), [("a?b", "%20+")]);
        assert_eq!(query("/?&"), [("", ""), ("", "")]);
    }
}
