//! The name that a request goes by beyond this host: the client's `X-Request-Id`, or the
//! host's own.

/// The header that has it.
pub(crate) const HEADER: &str = "X-Request-Id";

/// How long an id may be.
const MAX: usize = 128;

/// The client's id, if it sent one that is fit for logs and headers.
pub(crate) fn of<'a>(headers: &[(&'a str, &'a str)]) -> Option<&'a str> {
    let mut ids = headers.iter().filter(|(name, _)| is_header(name)).map(|&(_, value)| value);
    let id = ids.next().filter(|id| is_acceptable(id))?;
    ids.next().is_none().then_some(id)
}

/// Whether a header of this name has it.
pub(crate) fn is_header(name: &str) -> bool {
    name.eq_ignore_ascii_case(HEADER)
}

/// The client's id, or this one, which the headers then have and no other.
pub(crate) fn ensure<'a>(headers: &mut Vec<(&'a str, &'a str)>, own: &'a str) -> &'a str {
    if let Some(id) = of(headers) {
        return id;
    }
    let place = headers.iter().position(|(name, _)| is_header(name));
    headers.retain(|(name, _)| !is_header(name));
    headers.insert(place.unwrap_or(headers.len()), (HEADER, own));
    own
}

fn is_acceptable(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/+=-".contains(&byte);
    (1..=MAX).contains(&id.len()) && id.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_word_is_an_id() {
        let id = |value: &str| of(&[("a", "b"), ("x-request-ID", value)]).is_some();
        assert!(id("a") && id("Az09._:/+=-") && id(&"a".repeat(MAX)));
        for value in ["", "a b", "a\"b", "a;b", "é", "a\u{1}", &"a".repeat(MAX + 1)] {
            assert!(!id(value), "{value:?}");
        }
        assert_eq!(of(&[(HEADER, "a"), (HEADER, "a")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn an_own_id_takes_the_place_of_what_is_none() {
        let mut headers = vec![("x-request-id", "a b"), ("c", "d"), (HEADER, "e")];
        assert_eq!(ensure(&mut headers, "f"), "f");
        assert_eq!(headers, [(HEADER, "f"), ("c", "d")]);
        let mut headers = vec![("c", "d")];
        assert_eq!(ensure(&mut headers, "f"), "f");
        assert_eq!(headers, [("c", "d"), (HEADER, "f")]);
        let mut headers = vec![("x-request-id", "e")];
        assert_eq!(ensure(&mut headers, "f"), "e");
        assert_eq!(headers, [("x-request-id", "e")]);
    }
}
