//! One header: its name and its value.

use memchr::memchr;

use super::Error;

/// The headers that say how long a request is.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

/// The name and the value of a line; of one without a colon, a name and nothing.
///
/// # Errors
///
/// [`Error::FoldedHeader`] and [`Error::HeaderName`].
pub(super) fn parse(line: &str) -> Result<(&str, &str), Error> {
    if line.starts_with([' ', '\t']) {
        return Err(Error::FoldedHeader);
    }
    let (name, value) = match memchr(b':', line.as_bytes()) {
        Some(colon) => {
            let (name, value) = line.split_at(colon);
            // A space here is the classic way to hide a length from one of two readers.
            if name.is_empty() || name.ends_with(' ') {
                return Err(Error::HeaderName);
            }
            (name, value.strip_prefix(':').unwrap_or(value))
        }
        None => (line, ""),
    };
    if !is_token(name)
        && (name.bytes().any(|byte| byte.is_ascii_control()) || resembles(name, &FRAMING))
    {
        return Err(Error::HeaderName);
    }
    // Only SP and HTAB: `str::trim` would strip NBSP, NEL and others too.
    Ok((name, value.trim_matches([' ', '\t'])))
}

/// Whether a name is one that HTTP knows (RFC 9110 section 5.6.2).
pub(super) fn is_token(name: &str) -> bool {
    let is_letter = |byte: u8| {
        matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9'
            | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~')
    };
    !name.is_empty() && name.bytes().all(is_letter)
}

/// Whether a name that is no token has one of these in it, or is one but for what stands between
/// its words. With other white space than HTTP's around it, or for its hyphen, it is a length to
/// one reader and nothing to another.
pub(super) fn resembles(name: &str, others: &[&str]) -> bool {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let is_one = |word: &str| others.iter().any(|other| word.eq_ignore_ascii_case(other));
    words.into_iter().any(is_one) || others.iter().any(|other| letters(name).eq(letters(other)))
}

fn letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(u8::is_ascii_alphabetic).map(|letter| letter.to_ascii_lowercase())
}
