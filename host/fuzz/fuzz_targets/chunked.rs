//! A chunked body is the same however it arrives, and what is encoded is decoded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use picohttp_fuzz::http1::{Decoder, Error, Limits};
use picohttp_fuzz::{LIMITS, Pieces};

/// The body, if it is complete, and how many bytes were taken.
fn decode<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
    limits: &Limits,
) -> Result<(Option<Vec<u8>>, usize), Error> {
    let mut decoder = Decoder::default();
    let mut untaken = Vec::new();
    let mut total = 0;
    for piece in pieces {
        untaken.extend_from_slice(piece);
        let taken = decoder.decode(&untaken, limits)?;
        untaken.drain(..taken);
        total += taken;
    }
    Ok((decoder.finish(), total))
}

fuzz_target!(|input: &[u8]| {
    let pieces = Pieces::new(input);
    let body = pieces.bytes;
    let whole = decode(std::iter::once(body), &LIMITS);
    assert_eq!(decode(pieces.iter(), &LIMITS), whole);

    let mut encoded = Vec::new();
    for piece in pieces.iter() {
        encoded.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        encoded.extend_from_slice(piece);
        encoded.extend_from_slice(b"\r\n");
    }
    encoded.extend_from_slice(b"0\r\n\r\n");
    let length = encoded.len();
    encoded.extend_from_slice(body);
    let exact = Limits { body_bytes: body.len() as u64, ..LIMITS };
    let decoded = decode(encoded.chunks(body.len() % 97 + 1), &exact);
    assert_eq!(decoded, Ok((Some(body.to_vec()), length)));
    if let Some(less) = exact.body_bytes.checked_sub(1) {
        let tight = Limits { body_bytes: less, ..exact };
        assert_eq!(decode(std::iter::once(&encoded[..]), &tight), Err(Error::BodyTooLarge));
    }
});
