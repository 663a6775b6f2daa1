//! What the fuzz targets share.
//!
//! [`http1`] is included as source, so that a target compiles no wasm engine.

#[path = "../../src/http1/mod.rs"]
pub mod http1;
pub mod reference;

use http1::{Error, Head, Limits, Message, Received, Receiver};

/// So small that inputs of a few hundred bytes meet every limit.
pub const LIMITS: Limits = Limits { head_bytes: 512, headers: 8, target_parts: 8, body_bytes: 256 };

/// The limits of a request's body are those of its head.
pub fn same_limits(_: &Head<'_>) -> Result<Limits, Error> {
    Ok(LIMITS)
}

/// Bytes that arrive in pieces.
pub struct Pieces<'a> {
    /// All of them.
    pub bytes: &'a [u8],
    lengths: &'a [u8],
}

impl<'a> Pieces<'a> {
    /// The first byte of `input` says how many lengths of pieces follow it, up to
    /// seven. They are used in turns; without any, each byte is a piece.
    pub fn new(input: &'a [u8]) -> Self {
        let (count, rest) = input.split_first().unwrap_or((&0, &[]));
        let (lengths, bytes) = rest.split_at(rest.len().min(usize::from(count % 8)));
        Pieces { bytes, lengths }
    }

    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        let lengths = if self.lengths.is_empty() { &[1][..] } else { self.lengths };
        let mut lengths = lengths.iter().map(|&length| usize::from(length).max(1)).cycle();
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (piece, after) = rest.split_at(rest.len().min(lengths.next()?));
            rest = after;
            (!piece.is_empty()).then_some(piece)
        })
    }
}

/// A request as it was sent: the bytes of its head, and its body.
pub type Exchange = (Vec<u8>, Option<Vec<u8>>);

/// The requests that a connection brings in these pieces, one after the other, and
/// what is left: bytes of a request that is not complete, or an error.
pub fn receive_all<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Exchange>, Result<Vec<u8>, Error>) {
    let mut exchanges = Vec::new();
    let mut receiver = Receiver::default();
    let mut input = Vec::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match receiver.receive(&mut input, &LIMITS, same_limits) {
                Ok(Received::Message(message)) => exchanges.push(take(&mut input, &message)),
                Ok(Received::Partial { .. }) => break,
                Err(error) => return (exchanges, Err(error)),
            }
            receiver = Receiver::default();
        }
    }
    (exchanges, Ok(input))
}

fn take(input: &mut Vec<u8>, message: &Message) -> Exchange {
    let exchange = (input[..message.head].to_vec(), message.data(input).map(<[u8]>::to_vec));
    input.drain(..message.length());
    exchange
}
