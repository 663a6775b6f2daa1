//! A head has the same end however it arrives, and nothing in one can cause a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use picohttp_fuzz::http1::{decode, head_end, parse, path, query};
use picohttp_fuzz::{LIMITS, Pieces};

fuzz_target!(|input: &[u8]| {
    let pieces = Pieces::new(input);
    let bytes = pieces.bytes;
    let whole = head_end(bytes, 0, &LIMITS);
    let mut found = Ok(None);
    let mut scanned = 0;
    for piece in pieces.iter() {
        let arrived = scanned + piece.len();
        found = head_end(&bytes[..arrived], scanned, &LIMITS);
        if found != Ok(None) {
            break;
        }
        scanned = arrived;
    }
    assert_eq!(found, whole);

    let text = decode(&bytes[..found.ok().flatten().unwrap_or(bytes.len())]);
    let Ok(head) = parse(&text, &LIMITS) else { return };
    for (name, value) in head.headers {
        assert!(!name.is_empty() && !name.contains(|letter: char| letter.is_ascii_control()));
        assert!(!value.contains(['\r', '\n', '\0']));
        assert_eq!(value, value.trim_matches([' ', '\t']));
    }
    assert!(!path(head.target).is_empty());
    for (name, value) in query(head.target) {
        assert!(!name.contains(['&', '=']) && !value.contains('&'));
    }
});
