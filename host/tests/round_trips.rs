//! What is written as the standard says is read as it was meant, in pieces of any size.

use picohttp_host::http1::{self, Decoder, Limits, Message, Received, Receiver};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq)]
struct Request {
    words: [String; 3],
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// How a request is written: what framing allows more than one form of.
#[derive(Clone, Debug)]
struct Form {
    line_end: &'static str,
    /// The sizes of chunks; empty for a body with a length.
    chunks: Vec<usize>,
}

fn any_request() -> impl Strategy<Value = (Request, Form)> {
    let protocol = prop_oneof![Just("HTTP/1.1".to_string()), "[!-~]{1,10}"];
    let words =
        ("[!-~]{1,10}", "[^\\x00-\\x20\\x7f]{1,40}", protocol).prop_map(<[String; 3]>::from);
    let body = proptest::option::of(vec(any::<u8>(), 0..200));
    let line_end = prop_oneof![Just("\r\n"), Just("\n")];
    (words, vec(any_header(), 0..8), body, line_end, vec(1..50_usize, 0..4)).prop_map(
        |(words, headers, body, line_end, mut chunks)| {
            chunks.retain(|_| words[2] == "HTTP/1.1");
            (Request { words, headers, body }, Form { line_end, chunks })
        },
    )
}

/// A header that neither frames a message nor has white space around its value.
fn any_header() -> impl Strategy<Value = (String, String)> {
    let name = "[!-9;-~]{1,20}".prop_filter("it frames", |name| {
        !["connection", "content-length", "keep-alive", "transfer-encoding"]
            .contains(&&*name.to_ascii_lowercase())
    });
    let value =
        "[^\\x00\\r\\n]{0,40}".prop_map(|value| value.trim_matches([' ', '\t']).to_string());
    (name, value)
}

/// A header as the standard has it.
fn any_trailer() -> impl Strategy<Value = (String, String)> {
    ("[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}", "[^\\x00-\\x08\\x0a-\\x1f\\x7f]{0,40}")
}

/// `bytes` in pieces of these lengths, used in turns.
fn pieces<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut lengths = lengths.iter().cycle();
    let mut pieces = Vec::new();
    while let [_, ..] = bytes {
        let length = *lengths.next().unwrap();
        let (piece, rest) = bytes.split_at(bytes.len().min(length));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

fn write_request(request: &Request, form: &Form) -> Vec<u8> {
    let Form { line_end, chunks } = form;
    let framing = match &request.body {
        Some(_) if !chunks.is_empty() => Some(("Transfer-Encoding".to_string(), "chunked".into())),
        Some(body) => Some(("Content-Length".to_string(), body.len().to_string())),
        None => None,
    };
    let mut head = request.words.join(" ") + line_end;
    for (name, value) in request.headers.iter().chain(&framing) {
        head += &format!("{name}:\t {value} {line_end}");
    }
    let mut bytes = (head + line_end).into_bytes();
    match &request.body {
        Some(body) if !chunks.is_empty() => bytes.extend(write_chunks(body, chunks, "", &[])),
        Some(body) => bytes.extend(body),
        None => {}
    }
    bytes
}

fn write_chunks(
    body: &[u8],
    lengths: &[usize],
    extension: &str,
    trailers: &[(String, String)],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in pieces(body, lengths) {
        bytes.extend(format!("{:X}{extension}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(format!("0{extension}\r\n").into_bytes());
    for (name, value) in trailers {
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    bytes.extend(b"\r\n");
    bytes
}

/// The request that a message is, without its framing header.
fn read_message(message: &Message, input: &[u8]) -> Request {
    let text = http1::decode(&input[..message.head]);
    let head = http1::parse(&text, &Limits::default()).unwrap();
    let mut headers = head.headers;
    if message.body.is_some() {
        headers.pop();
    }
    Request {
        words: [head.method, head.target, head.protocol].map(str::to_string),
        headers: headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
        body: message.data(input).map(<[u8]>::to_vec),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_on_one_connection(
        requests in vec(any_request(), 1..4),
        lengths in vec(1..200_usize, 1..5),
    ) {
        let sent: Vec<u8> =
            requests.iter().flat_map(|(request, form)| write_request(request, form)).collect();
        let mut input = Vec::new();
        let mut receiver = Receiver::default();
        let mut received = Vec::new();
        for piece in pieces(&sent, &lengths) {
            input.extend(piece);
            while let Received::Message(message) =
                receiver.receive(&mut input, &Limits::default(), |_| Ok::<_, http1::Error>(Limits::default())).unwrap()
            {
                received.push(read_message(&message, &input));
                input.drain(..message.length());
                receiver = Receiver::default();
            }
        }
        let requests: Vec<_> = requests.into_iter().map(|(request, _)| request).collect();
        prop_assert_eq!(received, requests);
        prop_assert!(input.is_empty());
    }

    #[test]
    fn chunked_bodies(
        body in vec(any::<u8>(), 0..300),
        chunks in vec(1..100_usize, 1..5),
        extension in "([ \t]?;[^\\x00-\\x08\\x0a-\\x1f\\x7f]{0,20})?",
        trailers in vec(any_trailer(), 0..3),
        lengths in vec(1..100_usize, 1..5),
    ) {
        let sent = write_chunks(&body, &chunks, &extension, &trailers);
        let mut decoder = Decoder::default();
        let mut input = Vec::new();
        for piece in pieces(&sent, &lengths) {
            prop_assert_eq!(decoder.finish(), None);
            input.extend(piece);
            let taken = decoder.decode(&input, &Limits::default()).unwrap();
            input.drain(..taken);
        }
        prop_assert_eq!(decoder.finish(), Some(body));
        prop_assert!(input.is_empty());
    }

    #[test]
    fn heads_of_responses(
        protocol in "[!-~]{1,10}",
        status in 200..=999_u16,
        headers in vec(any_header(), 0..8),
        length in any::<usize>(),
        persists in any::<bool>(),
    ) {
        let mut head = Vec::new();
        let set = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        http1::write_head(&mut head, &protocol, status, set, length, persists).unwrap();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.strip_suffix("\r\n\r\n").unwrap().split("\r\n");
        let words = format!("{protocol} {status} {}", http1::reason_phrase(status));
        prop_assert_eq!(lines.next(), Some(words.as_str()));
        let mut expected: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        if status != 204 && status != 304 {
            expected.push(format!("Content-Length: {length}"));
        }
        expected.push(format!("Connection: {}", if persists { "keep-alive" } else { "close" }));
        prop_assert_eq!(lines.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn targets(
        path in vec("[^/?]{1,8}", 1..6),
        query in vec(("[^&=]{0,8}", "[^&]{0,8}"), 0..6),
    ) {
        let items: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let target = format!("/{}?{}", path.join("/"), items.join("&"));
        prop_assert_eq!(http1::path(&target), path);
        let query: Vec<_> = query.iter().map(|(name, value)| (&**name, &**value)).collect();
        prop_assert_eq!(http1::query(&target), query);
    }
}
