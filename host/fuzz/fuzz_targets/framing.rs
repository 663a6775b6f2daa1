//! A connection carries the same requests however its bytes arrive, none of them takes
//! a byte of the next, and each is as long as its headers say.

#![no_main]

use libfuzzer_sys::fuzz_target;
use picohttp_fuzz::http1::{Error, decode, parse};
use picohttp_fuzz::{LIMITS, Pieces, receive_all};

fuzz_target!(|input: &[u8]| {
    let pieces = Pieces::new(input);
    let whole = receive_all(std::iter::once(pieces.bytes));
    assert_eq!(receive_all(pieces.iter()), whole);

    let (exchanges, rest) = whole;
    assert_ne!(rest, Err(Error::Truncated));
    let mut coded = false;
    let mut sent = Vec::new();
    for (head, body) in exchanges {
        let text = decode(&head);
        let parsed = parse(&text, &LIMITS).unwrap();
        let all = |wanted: &str| {
            let headers = parsed.headers.iter();
            let found = headers.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| *value).collect::<Vec<_>>()
        };
        let (lengths, codings) = (all("content-length"), all("transfer-encoding"));
        assert_eq!(body.is_some(), lengths.len() + codings.len() > 0);
        let body = body.unwrap_or_default();
        assert!(lengths.iter().all(|length| length.parse() == Ok(body.len())));
        assert!(body.len() as u64 <= LIMITS.body_bytes && head.len() <= LIMITS.head_bytes);
        if let [coding, others @ ..] = codings.as_slice() {
            let minor =
                parsed.protocol.strip_prefix("HTTP/1.").and_then(|it| it.parse::<u8>().ok());
            assert!(coding.eq_ignore_ascii_case("chunked") && minor >= Some(1));
            assert!(lengths.is_empty() && others.is_empty());
            coded = true;
        }
        sent.extend_from_slice(&head);
        sent.extend_from_slice(&body);
    }
    assert!(coded || pieces.bytes.starts_with(&sent));
    assert!(sent.len() + rest.map_or(0, |rest| rest.len()) <= pieces.bytes.len());
});
