//! Where this server differs from picohttp, why, and what it does instead.
//!
//! The names and reasons are the table in the README, in this order.

use picohttp_tests::client::Answer;

use self::Instead::{Answers, Bodiless, Closed, Refused, Sees};
use super::{drop_first_header, not_found, plain_text, true_length};

/// One difference, and every recorded case that shows it.
pub struct Difference {
    pub name: &'static str,
    pub why: &'static str,
    /// What happens instead of what was recorded, and in which cases.
    pub cases: &'static [(Instead, &'static [&'static str])],
}

/// What happens instead.
#[derive(Clone, Copy)]
pub enum Instead {
    /// The connection is closed without a word.
    Closed,
    /// The host answers with this status, in its own words.
    Refused(u16),
    /// The handler sees these members otherwise than it did in Python: when it was not
    /// called, than in the same case half-closed, or in `GET /seen HTTP/1.0`. In `data`
    /// each character is one byte.
    Sees(&'static str),
    /// The recorded answer, changed like this, is given.
    Answers(fn(&mut Answer)),
    /// The answer has the recorded status and a length, but no body.
    Bodiless,
}

/// A difference that no case shows alone: `Answer::parse` takes nothing else.
const EVERY_ANSWER: &[(Instead, &[&str])] = &[];

#[rustfmt::skip]
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "The lines of an answer end with CRLF",
        why: "HTTP says so, and some clients take nothing else; picohttp's end with LF",
        cases: EVERY_ANSWER,
    },
    Difference {
        name: "The first `?` ends the path and begins the query, whatever the query looks like",
        why: "picohttp leaves both in the path unless there is one `?` and exactly one `=` in \
            each item: a flag or the padding of base64 makes a handler miss its path",
        cases: &[
            (Sees(r#"{"path": ["p"]}"#), &["target: ?"]),
            (Sees(r#"{"path": [""]}"#), &["target: ? alone"]),
            (Sees(r#"{"path": ["p"], "query": [["a", ""]]}"#), &["target: ?a"]),
            (Sees(r#"{"path": ["p"], "query": [["a/b/", ""]]}"#), &["target: ?a/"]),
            (Sees(r#"{"path": ["p"], "query": [["a", "b=c"]]}"#), &["target: ?a=b=c"]),
            (Sees(r#"{"path": ["p"], "query": [["token", "YWI=="]]}"#), &["target: ?a=="]),
            (Sees(r#"{"path": ["p"], "query": [["a", ""], ["b", ""]]}"#), &["target: ?a&b"]),
            (Sees(r#"{"path": ["p"], "query": [["a", "1"], ["b", ""]]}"#), &["target: ?a=1&b"]),
            (Sees(r#"{"path": ["p"], "query": [["", ""], ["", ""]]}"#), &["target: ?&"]),
            (Sees(r#"{"path": ["p"], "query": [["a", "1"], ["", ""], ["b", "2"]]}"#),
                &["target: ?a=1&&b=2"]),
            (Sees(r#"{"path": ["p"], "query": [["a", "1"], ["", ""]]}"#), &["target: ?a=1&"]),
            (Sees(r#"{"path": ["p"], "query": [["a", "1?b=2"]]}"#), &["target: two ?"]),
            (Sees(r#"{"path": ["p"], "query": [["?a", "1"]]}"#), &["target: ?? at once"]),
            (Sees(r#"{"path": ["p"], "query": [["a", "1;b=2"]]}"#), &["target: query ;"]),
            (Answers(not_found), &["reply: status 404, a query without ="]),
        ],
    },
    Difference {
        name: "A name that occurs twice, in a query or in headers, is there twice",
        why: "picohttp's dict keeps the last alone: of several cookies, or checkboxes of a form, \
            one would be left",
        cases: &[
            (Sees(r#"{"query": [["a", "1"], ["a", "2"]]}"#), &["target: ?a=1&a=2"]),
            (Sees(r#"{"query": [["b", "1"], ["a", "2"], ["b", "3"]]}"#), &["target: ?b=1&a=2&b=3"]),
            (Sees(r#"{"query": [["a[]", "1"], ["a[]", "2"], ["b[c]", "3"]]}"#),
                &["target: query brackets"]),
            (Sees(r#"{"headers": [["A", "1"], ["B", "2"], ["A", "3"]]}"#), &["header: duplicates"]),
            (Sees(r#"{"headers": [["Cookie", "a=1"], ["Cookie", "b=2"]]}"#), &["header: cookies"]),
            (Sees(r#"{"headers": [["Host", "a"], ["Host", "b"]]}"#), &["header: two Host"]),
            (Sees(r#"{"headers": [["Content-Length", "5"], ["Content-Length", "5"]]}"#),
                &["length: twice, equal"]),
        ],
    },
    Difference {
        name: "A header's value keeps its colons",
        why: "picohttp cuts it at the second one: `Host` loses its port, a date its time and a \
            URL nearly all",
        cases: &[
            (Sees(r#"{"headers": [["Host", "localhost:8080"]]}"#), &["header: port in Host"]),
            (Sees(r#"{"headers": [["Host", "[::1]:8080"]]}"#), &["header: IPv6 in Host"]),
            (Sees(r#"{"headers": [["Referer", "http://host/p?a=b"], ["A", "1"]]}"#),
                &["header: URL"]),
            (Sees(r#"{"headers": [["Date", "Tue, 01 Jan 2030 10:20:30 GMT"]]}"#),
                &["header: date"]),
            (Sees(r#"{"headers": [["Host", "host:443"]]}"#), &["method: CONNECT"]),
        ],
    },
    Difference {
        name: "Where a target names a host (`http://host/path`), a `Host` that was sent has that one; what \
            cannot be a host is refused with 400",
        why: "It counts and not the header (RFC 9112 section 3.2.2): a handler that believes \
            the other writes links to a server that nobody asked",
        cases: &[
            (Sees(r#"{"headers": [["Host", "host"]]}"#), &["target: absolute form, another Host"]),
        ],
    },
    Difference {
        name: "Only spaces and tabs are stripped from around a header's value",
        why: "They are the white space of HTTP (RFC 9110 section 5.6.3); Python strips all that \
            Unicode has",
        cases: &[
            (Sees(r#"{"headers": [["A", "\u00a0b\u00a0"]]}"#),
                &["header: no-break space around the value"]),
            (Sees(r#"{"headers": [["A", "\u000bb\f\u001f"]]}"#),
                &["header: VT and FF around the value"]),
        ],
    },
    Difference {
        name: "A line of the head that is not UTF-8 is read as ISO-8859-1",
        why: "Old clients send it, and no byte is lost; picohttp closes without an answer",
        cases: &[
            (Sees(r#"{"path": ["gr\u00fc\u00dfe"]}"#), &["target: ISO-8859-1"]),
            (Sees(r#"{"path": ["p"], "query": [["\u00e4", "\u00f6"]]}"#),
                &["target: query ISO-8859-1"]),
            (Sees(r#"{"headers": [["A", "gr\u00fc\u00dfe"]]}"#), &["header: ISO-8859-1 value"]),
        ],
    },
    Difference {
        name: "A body is bytes, and a length counts bytes",
        why: "picohttp counts characters, and CRLF and CR become LF: a text that is not ASCII, a \
            form from a browser or a picture hangs, is damaged or is cut short",
        cases: &[
            (Sees(r#"{"data": "a\rb"}"#), &["body: CR"]),
            (Sees(r#"{"data": "ab\r"}"#), &[
                "body: CR at the end", "body: CR at the end / half-closed",
            ]),
            (Sees(r#"{"data": "a\r\nb\r\n"}"#), &["body: CRLF", "body: CRLF / half-closed"]),
            (Sees(r#"{"data": "gr\u00c3\u00bc\u00c3\u009fe"}"#), &[
                "body: UTF-8", "length: in characters",
            ]),
            (Sees(r#"{"data": "\u00f0\u009f\u0098\u0080"}"#), &["body: UTF-8, four bytes"]),
            (Sees(r#"{"method": "POST", "headers": [["Content-Length", "5"]],
                "data": "gr\u00fc\u00dfe"}"#),
                &["body: not UTF-8"]),
            (Sees(r#"{"method": "POST", "headers": [["Content-Length", "16"]],
                "data": "\u0089PNG\r\n\u001a\n\u0000\u0000\u0000\rIHDR"}"#),
                &["body: binary"]),
            (Sees(r#"{"data":
                "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n"}"#), &[
                "body: multipart", "body: multipart / half-closed",
            ]),
            (Answers(true_length), &["reply: data, UTF-8"]),
        ],
    },
    Difference {
        name: "`Content-Length` is found whatever its case",
        why: "A header's name is the same in any case, and gateways from HTTP/2 send lower case; \
            picohttp then finds no body",
        cases: &[(Sees(r#"{"data": "hello"}"#), &["length: lower case", "length: upper case"])],
    },
    Difference {
        name: "One or two empty lines before a request are skipped",
        why: "Some clients send one behind a body (RFC 9112 section 2.2); to picohttp it is a \
            request without a method",
        cases: &[
            (Sees(r#"{"method": "GET", "path": ["seen"], "protocol": "HTTP/1.0", "headers": []}"#),
                &["line: empty line first"]),
        ],
    },
    Difference {
        name: "An incomplete request is not handled: 408 at the deadline, 400 at its end, \
            silence if it never began",
        why: "picohttp waits for ever, and takes the end of the input for the end of the \
            request: half an order would be an order",
        cases: &[
            (Refused(408), &[
                "line: no protocol, no end of head", "line: cut", "line: cut in the headers",
                "line: no end of head", "connection: SSH", "length: longer than the body",
                "length: longer than no body", "length: expect, and wait",
            ]),
            (Refused(400), &[
                "line: no protocol, no end of head / half-closed", "line: cut / half-closed",
                "line: cut in the headers / half-closed", "line: no end of head / half-closed",
                "connection: SSH / half-closed", "length: longer than the body / half-closed",
                "length: longer than no body / half-closed",
                "length: expect, and wait / half-closed",
            ]),
            (Closed, &[
                "line: nothing", "line: nothing / half-closed", "line: two empty lines",
            ]),
        ],
    },
    Difference {
        name: "A `Content-Length` that is not one number in digits is refused with 400",
        why: "Two servers that read it differently see two different requests; picohttp reads it \
            as Python would (`+5`, `1_0`, `-1`), or closes without an answer",
        cases: &[(Refused(400), &[
            "length: +5", "length: -0", "length: -1", "length: -1 / half-closed", "length: -5",
            "length: -5 / half-closed", "length: 1_0", "length: space within", "length: abc",
            "length: empty", "length: no colon", "length: 5.0", "length: 5e0", "length: 0x5",
            "length: 5:7", "length: 5;x", "length: quoted", "length: Arabic digit", "length: list",
            "length: twice, different", "length: twice, different, the first shorter",
            "length: twice, different case",
        ])],
    },
    Difference {
        name: "A body over the limit is refused with 413, before it is read",
        why: "picohttp asks for as much memory as the client says, and closes without an answer",
        cases: &[(Refused(413), &["length: 10^18", "length: 10^20"])],
    },
    Difference {
        name: "`Transfer-Encoding` is decoded or refused, never ignored",
        why: "A body with two ends is how requests are smuggled past a proxy; HTTP/1.0, in which \
            these came, does not have it",
        cases: &[(Refused(400), &[
            "length: chunked", "length: chunked and a length", "length: unknown transfer coding",
        ])],
    },
    Difference {
        name: "A request line of more than three words is refused with 400",
        why: "Which of them is the target is anyone's guess (RFC 9112 section 3); picohttp takes \
            the first three, which may be empty",
        cases: &[(Refused(400), &[
            "line: leading space", "line: trailing space", "line: double space before the target",
            "line: double space before the protocol", "line: a space in the target",
            "line: four words", "connection: PROXY",
        ])],
    },
    Difference {
        name: "Control bytes in the request line or a header's name, and NUL in a header, are refused \
            with 400",
        why: "They are sent to forge lines of a log, to end a string early, or in another \
            protocol (TLS); picohttp passes them on",
        cases: &[(Refused(400), &[
            "target: NUL", "target: control bytes", "target: tab", "line: tabs",
            "line: tab in the protocol", "ends: other line ends", "header: NUL in a name",
            "header: NUL in a value", "connection: TLS", "reply: header, NUL in the name",
            "reply: header, NUL in the value", "reply: header, tab in the value",
            "reply: header, escape in the value", "reply: protocol, NUL", "reply: protocol, tab",
        ])],
    },
    Difference {
        name: "A CR alone is not the end of a line: 400, or 408 if no LF comes",
        why: "Two readers that disagree about where a line ends see different headers (RFC 9112 \
            section 2.2); picohttp reads CR, LF and CRLF alike",
        cases: &[
            (Refused(400), &[
                "ends: CR / half-closed", "ends: mixed", "ends: LF CR", "ends: CR CR LF",
                "ends: CR in a target", "header: CR in a value",
            ]),
            (Refused(408), &["ends: CR", "ends: CR and a byte"]),
        ],
    },
    Difference {
        name: "A header line without a name, with white space before the name or the colon, or with a \
            name that is a length's but for what no name has, is refused with 400",
        why: "Each of these has hidden a length from one of two readers (RFC 9112 section 5); \
            picohttp strips the space, and ends the head at an empty name",
        cases: &[(Refused(400), &[
            "header: space before the colon", "header: space before the name", "header: empty name",
            "header: blank name", "header: blank line", "header: continuation",
            "header: continuation with a colon", "length: space before the colon",
            "length: space before the name", "length: before an empty name",
        ])],
    },
    Difference {
        name: "An answer to `HEAD` has no body",
        why: "Its `Content-Length` says how long the body would be, and no client reads one (RFC \
            9110 section 9.3.2)",
        cases: &[(Bodiless, &[
            "method: HEAD", "body: HEAD", "reply: raise, HEAD", "reply: data, HEAD",
        ])],
    },
    Difference {
        name: "Statuses 204 and 304 have no `Content-Length`, and 205 no body",
        why: "They have no content (RFC 9110 sections 8.6 and 15.3.6)",
        cases: &[(Answers(drop_first_header), &["reply: status 204", "reply: status 304"])],
    },
    Difference {
        name: "A status outside of 200 to 999 becomes 502",
        why: "1xx promises another answer, which never comes; the others are not three digits",
        cases: &[(Refused(502), &[
            "reply: status 0", "reply: status 99", "reply: status 100", "reply: status 101",
            "reply: status 199", "reply: status 1000", "reply: status 65535",
        ])],
    },
    Difference {
        name: "A protocol or header that would break the answer becomes 502",
        why: "A handler that repeats its input could be made to forge headers, or an answer",
        cases: &[(Refused(502), &[
            "reply: header, empty name", "reply: header, a colon in the name",
            "reply: protocol, empty", "reply: protocol, UTF-8",
        ])],
    },
    Difference {
        name: "The headers that frame an answer are the host's, in any spelling",
        why: "picohttp replaces only what is spelt as it spells it: a `content-length` of the \
            handler's would be sent too, and contradict the true one",
        cases: &[(Answers(drop_first_header), &[
            "reply: header, Transfer-Encoding", "reply: header, content-length",
            "reply: header, connection",
        ])],
    },
    Difference {
        name: "A client that waits to be asked for its body is asked",
        why: "It says so (`Expect: 100-continue`) and would wait for a second or longer; picohttp \
            never asks",
        cases: EVERY_ANSWER,
    },
    Difference {
        name: "The phrases beside statuses are those of RFC 9110",
        why: "picohttp has those of its Python, of which four are older",
        cases: EVERY_ANSWER,
    },
    Difference {
        name: "Operators' cookies (`picohttp_admin_...`) are taken out of requests and answers",
        why: "They open every tenant's figures, and a browser sends them to all ports of a host",
        cases: EVERY_ANSWER,
    },
    Difference {
        name: "An error's text has a `Content-Type`, text/plain",
        why: "Without one a browser may take it for HTML, and it may repeat the request",
        cases: &[(Answers(plain_text), &[
            "reply: raise", "reply: raise, slashes", "reply: raise, nothing", "reply: raise, UTF-8",
        ])],
    },
];
