//! What every server of the comparison computes. The Rust ones share this file; in
//! `peers/` it is written again in the languages of the others.

use std::hint::black_box;

/// The body for a route, or `None` if there is no such route.
pub fn answer(route: &str, body: &[u8]) -> Option<Vec<u8>> {
    match route {
        "hello" | "mix" => Some(b"Hello world!".to_vec()),
        "10k" => Some(vec![b'x'; 10 << 10]),
        "echo" => Some(body.to_vec()),
        "cpu" => Some(format!("{:08x}", work(black_box(STEPS))).into_bytes()),
        _ => None,
    }
}

/// As many as take about a millisecond in native code.
const STEPS: u32 = 700_000;

/// Integer work in which each step needs the result of the one before.
fn work(steps: u32) -> u32 {
    (0..steps).fold(1, |state: u32, step| (state.rotate_left(5) ^ step).wrapping_mul(0x9e37_79b1))
}
