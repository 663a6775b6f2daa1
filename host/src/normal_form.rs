//! The one form of a target's path in which routes are found: its segments, each decoded once.

use std::borrow::Cow;

use crate::http1;

/// The segments of a target's path: without the query, without scheme and authority if
/// it has them, and without leading and trailing `/`.
///
/// A handler's path begins behind any leading `/`, so it cannot tell `/http://host/path` from a
/// target in absolute form. A handler that knows these must not be led to what another route is
/// for, so here both are the same, too.
pub(crate) fn segments(target: &str) -> impl Iterator<Item = &str> + Clone {
    let path = path(target.trim_start_matches('/')).trim_matches('/');
    // The root has no segment, where `split` would give an empty one.
    path.split('/').skip(usize::from(path.is_empty()))
}

/// A target's path: without the query, and without scheme and authority if it has them.
pub(crate) fn path(target: &str) -> &str {
    let path = target.split('?').next().unwrap_or_default();
    match http1::authority(target).filter(|authority| !authority.is_empty()) {
        Some(authority) => {
            path.split_once("://").and_then(|(_, rest)| rest.get(authority.len()..)).unwrap_or("")
        }
        None => path,
    }
}

/// A segment with each `%` and two hexadecimal digits as the byte that is meant. Any
/// other `%` is itself.
pub(crate) fn decode(segment: &str) -> Cow<'_, [u8]> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment.as_bytes());
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match after {
            [high, low, ..] if byte == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    Cow::Owned(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
