//! To decode: to undo the escapes of a URL, once it has been split.
//!
//! Decoding never fails. A malformed escape stays as it is, and bytes that are
//! not UTF-8 after decoding become U+FFFD.

use std::borrow::Cow;

/// Decodes a path segment, in which `+` is a plus.
pub fn path(text: &str) -> Cow<'_, str> {
    decode(text, b'+')
}

/// Decodes a name or value of a query, in which `+` is a space.
pub fn query(text: &str) -> Cow<'_, str> {
    decode(text, b' ')
}

fn decode(text: &str, plus: u8) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match first {
            b'+' => (plus, tail),
            b'%' => escaped(tail).unwrap_or((b'%', tail)),
            other => (*other, tail),
        };
        decoded.push(byte);
        rest = tail;
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// The byte that two hexadecimal digits stand for, and what follows them.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let [high, low, rest @ ..] = text else {
        return None;
    };
    Some(((digit(*high)? * 16 + digit(*low)?) as u8, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(path("%41%6a%6A"), "Ajj");
        assert_eq!(path("caf%C3%A9"), "café");
        assert_eq!(path("%2525"), "%25");
        assert_eq!(path("a%00b"), "a\0b");
    }

    #[test]
    fn plus_is_a_space_in_a_query_only() {
        assert_eq!(query("1+1%2B1"), "1 1+1");
        assert_eq!(path("1+1%2B1"), "1+1+1");
    }

    #[test]
    fn malformed_escapes_stay() {
        for text in ["%", "%4", "%zz", "%4z", "%+4", "100%", "%%", "%é"] {
            assert_eq!(path(text), text);
        }
        assert_eq!(path("%%41"), "%A");
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        assert_eq!(path("a%FFb"), "a\u{fffd}b");
    }

    #[test]
    fn nothing_to_decode_is_borrowed() {
        assert!(matches!(query("plain"), Cow::Borrowed("plain")));
    }
}
