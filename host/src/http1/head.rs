//! The head of a request: the request line and the headers.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

use super::{Error, Limits, field, target};

/// How many bytes of line ends may come before a request line: two empty lines.
const LEADING_LINE_ENDS: usize = 4;

/// A request line and headers, borrowed from the text they were parsed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The first word of the request line, whatever it is.
    pub method: &'a str,
    /// The second word, undecoded; empty if there is none.
    pub target: &'a str,
    /// The third word; empty if there is none.
    pub protocol: &'a str,
    /// Names as sent and values without the white space around them, in order. A
    /// line without a colon is a name with an empty value.
    pub headers: Vec<(&'a str, &'a str)>,
}

impl Head<'_> {
    /// Whether the protocol is HTTP/1.1, or a later one that means no less by the same words
    /// (RFC 9110 section 2.5).
    pub fn is_1_1(&self) -> bool {
        let minor = self.protocol.strip_prefix("HTTP/1.").map(str::as_bytes);
        matches!(minor, Some([b'1'..=b'9']))
    }

    /// Whether the request line has its three words (RFC 9112 section 3).
    pub fn is_full(&self) -> bool {
        ![self.method, self.target, self.protocol].contains(&"")
    }

    /// Whether a header of this name, whose value is a list (RFC 9110 section 5.6.1), has this
    /// word in it. The case of both is nothing.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.headers.iter().filter(|(its, _)| its.eq_ignore_ascii_case(name)).any(|(_, value)| {
            // A head may be full of words, most of them shorter or longer than this.
            let mut words = value.split(',').filter(|its| its.len() >= word.len());
            words.any(|its| its.trim_matches([' ', '\t']).eq_ignore_ascii_case(word))
        })
    }
}

/// Whether a request asks for a head alone, as far as can be told before it is read.
pub fn asks_for_head(bytes: &[u8]) -> bool {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    bytes.get(start.unwrap_or_default()..).is_some_and(|rest| rest.starts_with(b"HEAD "))
}

/// Whether anything of a request is in `bytes`: an empty line before one is nothing.
pub fn has_begun(bytes: &[u8]) -> bool {
    !bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

/// Where the head in `bytes` ends: the offset after its empty line, or `None` if
/// more bytes are needed. An empty line or two before the request line belong to the
/// head (RFC 9112 section 2.2).
///
/// Bytes before `scanned` are taken as searched by an earlier call that answered
/// `None`, so that a head which arrives in pieces is not searched twice.
///
/// # Errors
///
/// [`Error::TargetTooLong`] or [`Error::HeadTooLarge`] when there is no end within
/// [`Limits::head_bytes`], [`Error::RequestLine`] when there are only line ends or the
/// first byte is that of another protocol: a TLS handshake has no end to wait for.
pub fn head_end(bytes: &[u8], scanned: usize, limits: &Limits) -> Result<Option<usize>, Error> {
    let line_ends = bytes.iter().take(LEADING_LINE_ENDS);
    let start = line_ends.take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if bytes.get(start).is_some_and(u8::is_ascii_control) {
        return Err(Error::RequestLine);
    }
    // An end may straddle the searched part: LF, CR, LF.
    let from = scanned.saturating_sub(2).max(start);
    let unsearched = bytes.get(from..).unwrap_or_default();
    let end = memchr_iter(b'\n', unsearched).find_map(|line_end| {
        let rest = unsearched.get(line_end + 1..).unwrap_or_default();
        let empty_line = match rest {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return None,
        };
        Some(from + line_end + 1 + empty_line)
    });
    match end {
        Some(end) if end <= limits.head_bytes => Ok(Some(end)),
        None if bytes.len() < limits.head_bytes => Ok(None),
        _ => Err(too_large(bytes.get(start..limits.head_bytes).unwrap_or_default())),
    }
}

/// Which of the two errors a head over its limit is.
fn too_large(head: &[u8]) -> Error {
    match memchr(b'\n', head) {
        Some(_) => Error::HeadTooLarge,
        None => Error::TargetTooLong,
    }
}

/// The text of a head: UTF-8 where a line is UTF-8, and ISO-8859-1 where it is not,
/// so that no byte is lost and every header can cross into a handler as a string.
pub fn decode(head: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(head) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(
            head.split_inclusive(|&byte| byte == b'\n')
                .map(|line| match std::str::from_utf8(line) {
                    Ok(text) => Cow::Borrowed(text),
                    Err(_) => Cow::Owned(line.iter().copied().map(char::from).collect()),
                })
                .collect(),
        ),
    }
}

/// Parses a complete head, as found by [`head_end`] and decoded by [`decode`].
///
/// Lines end with LF or CRLF. The request line is one to three words, each
/// separated by one space.
///
/// # Errors
///
/// [`Error::RequestLine`], [`Error::TargetHost`], [`Error::TargetParts`],
/// [`Error::ControlByte`], [`Error::FoldedHeader`], [`Error::HeaderName`] and
/// [`Error::TooManyHeaders`].
pub fn parse<'a>(text: &'a str, limits: &Limits) -> Result<Head<'a>, Error> {
    let mut lines = Lines { rest: text };
    let mut line = lines.next_line()?;
    while line.is_empty() && !lines.rest.is_empty() {
        line = lines.next_line()?;
    }
    let (method, target, protocol) = request_line(line, limits)?;
    let mut headers = Vec::with_capacity(16);
    loop {
        let line = lines.next_line()?;
        if line.is_empty() {
            return Ok(Head { method, target, protocol, headers });
        }
        if headers.len() == limits.headers {
            return Err(Error::TooManyHeaders);
        }
        headers.push(field::parse(line)?);
    }
}

struct Lines<'a> {
    rest: &'a str,
}

impl<'a> Lines<'a> {
    /// The next line without its end; empty when there is none left.
    fn next_line(&mut self) -> Result<&'a str, Error> {
        let (line, rest) = match memchr(b'\n', self.rest.as_bytes()) {
            Some(end) => self.rest.split_at(end),
            None => (self.rest, ""),
        };
        self.rest = rest.strip_prefix('\n').unwrap_or(rest);
        let line = line.strip_suffix('\r').unwrap_or(line);
        match memchr::memchr2(b'\r', 0, line.as_bytes()) {
            Some(_) => Err(Error::ControlByte),
            None => Ok(line),
        }
    }
}

fn request_line<'a>(line: &'a str, limits: &Limits) -> Result<(&'a str, &'a str, &'a str), Error> {
    if line.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Error::RequestLine);
    }
    let mut words = line.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (method, target, protocol) = (word(), word(), word());
    if words.next().is_some() {
        return Err(Error::RequestLine);
    }
    target::check(target, limits)?;
    Ok((method, target, protocol))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &str) -> Result<Head<'_>, Error> {
        parse(bytes, &Limits::default())
    }

    #[test]
    fn a_request_line_has_one_to_three_words() {
        let words =
            |line: &'static str| check(line).map(|head| (head.method, head.target, head.protocol));
        assert_eq!(words("GET /a HTTP/1.1\r\n\r\n"), Ok(("GET", "/a", "HTTP/1.1")));
        assert_eq!(words("get /a\n\n"), Ok(("get", "/a", "")));
        assert_eq!(words("hello\n\n"), Ok(("hello", "", "")));
        assert_eq!(words("\r\n\r\nGET / FOO/9\r\n\r\n"), Ok(("GET", "/", "FOO/9")));
        assert_eq!(words("GET /a b HTTP/1.1\r\n\r\n"), Err(Error::RequestLine));
        assert_eq!(words("GET\t/\tHTTP/1.1\r\n\r\n"), Err(Error::RequestLine));
        assert_eq!(words("\rGET / HTTP/1.1\r\n\r\n"), Err(Error::ControlByte));
    }

    #[test]
    fn a_full_request_line_has_three_words() {
        let is_full = |line: &'static str| check(line).map(|head| head.is_full());
        assert_eq!(is_full("GET / HTTP/1.1\r\n\r\n"), Ok(true));
        for line in ["4\r\n\r\n", "GET /\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", " / HTTP/1.1\r\n\r\n"] {
            assert_eq!(is_full(line), Ok(false), "{line}");
        }
    }

    #[test]
    fn headers_keep_their_order_case_and_colons() {
        let head = check("GET / HTTP/1.1\r\nHost: a:80\r\nx-A:\t 1 \r\nX-a:2\r\nflag\r\n\r\n");
        let expected = vec![("Host", "a:80"), ("x-A", "1"), ("X-a", "2"), ("flag", "")];
        assert_eq!(head.map(|head| head.headers), Ok(expected));
    }

    #[test]
    fn white_space_that_is_not_ascii_stays_in_a_value() {
        let head = check("GET / HTTP/1.1\r\na: \u{a0}x\u{85}\r\n\r\n");
        assert_eq!(head.map(|head| head.headers), Ok(vec![("a", "\u{a0}x\u{85}")]));
    }

    #[test]
    fn what_could_hide_a_header_is_refused() {
        for (line, error) in [
            (" folded: 1", Error::FoldedHeader),
            ("\tfolded: 1", Error::FoldedHeader),
            ("Content-Length : 5", Error::HeaderName),
            ("Content-Length\t: 5", Error::HeaderName),
            (": 5", Error::HeaderName),
            ("a\u{b}: 5", Error::HeaderName),
            ("Content-Length\u{a0}: 5", Error::HeaderName),
            ("\u{feff}transfer-encoding: chunked", Error::HeaderName),
            ("Transfer-Encoding chunked", Error::HeaderName),
            ("Transfer Encoding: chunked", Error::HeaderName),
            ("Transfer\u{ad}Encoding: chunked", Error::HeaderName),
            ("content\\length: 5", Error::HeaderName),
            ("a: b\rc", Error::ControlByte),
            ("a: b\0c", Error::ControlByte),
        ] {
            let head = format!("GET / HTTP/1.1\r\n{line}\r\n\r\n");
            assert_eq!(check(&head), Err(error), "{line:?}");
        }
    }

    #[test]
    fn there_is_a_limit_to_headers() {
        let head = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count));
        assert_eq!(check(&head(1000)).map(|head| head.headers.len()), Ok(1000));
        assert_eq!(check(&head(1001)), Err(Error::TooManyHeaders));
    }

    #[test]
    fn the_end_of_a_head_is_found_however_it_arrives() {
        for head in ["GET / HTTP/1.1\r\nA: b\r\n\r\n", "GET /\n\n", "\r\n\nGET /\r\n\n", "G\n\r\n"]
        {
            let bytes = [head.as_bytes(), b"rest\n\n"].concat();
            let mut scanned = 0;
            for length in 0..=bytes.len() {
                let found = head_end(&bytes[..length], scanned, &Limits::default());
                let expected = (length >= head.len()).then_some(head.len());
                assert_eq!(found, Ok(expected), "{head:?} at {length}");
                scanned = if expected.is_none() { length } else { scanned };
            }
        }
    }

    #[test]
    fn a_head_over_its_limit_says_what_is_too_long() {
        let limits = Limits { head_bytes: 32, ..Limits::default() };
        let end = |bytes: &str| head_end(bytes.as_bytes(), 0, &limits);
        assert_eq!(end(&"a".repeat(31)), Ok(None));
        assert_eq!(end(&"a".repeat(32)), Err(Error::TargetTooLong));
        assert_eq!(end(&format!("GET /\n{}", "a".repeat(32))), Err(Error::HeadTooLarge));
        assert_eq!(end(&format!("GET /\n{}\n\n", "a".repeat(24))), Ok(Some(32)));
        assert_eq!(end(&format!("GET /\n{}\n\n", "a".repeat(25))), Err(Error::HeadTooLarge));
    }

    #[test]
    fn what_cannot_become_a_request_line_is_refused_at_once() {
        let end = |bytes: &str| head_end(bytes.as_bytes(), 0, &Limits::default());
        assert_eq!(end("\r\n\r\n"), Ok(None));
        assert_eq!(end("\r\n\r\n\n"), Err(Error::RequestLine));
        assert_eq!(end("\x16\x03\x01"), Err(Error::RequestLine));
    }

    #[test]
    fn a_method_is_head_before_all_of_it_is_there() {
        for (bytes, is_head) in [
            ("HEAD / ", true),
            ("\r\nHEAD ", true),
            (" HEAD / ", false),
            ("head / ", false),
            ("", false),
        ] {
            assert_eq!(asks_for_head(bytes.as_bytes()), is_head, "{bytes:?}");
        }
    }

    #[test]
    fn lines_that_are_not_utf8_are_latin1() {
        let text = decode(b"GET /\xc3\xa9 HTTP/1.1\r\na: \xe9\r\n\r\n");
        assert_eq!(text, "GET /é HTTP/1.1\r\na: é\r\n\r\n");
    }

    #[test]
    fn a_later_http_1_is_no_less_than_http_1_1() {
        let is_1_1 =
            |protocol| Head { method: "GET", target: "/", protocol, headers: Vec::new() }.is_1_1();
        for protocol in ["HTTP/1.1", "HTTP/1.2", "HTTP/1.9"] {
            assert!(is_1_1(protocol), "{protocol}");
        }
        for protocol in ["", "HTTP/1.0", "HTTP/1.", "HTTP/1.10", "HTTP/1.x", "HTTP/2.1", "http/1.1"]
        {
            assert!(!is_1_1(protocol), "{protocol}");
        }
    }
}
