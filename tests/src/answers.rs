//! Answers of any bytes: what a guest's memory holds where its answer should be, damaged at
//! random. Each is sent as one well-formed answer, or is the guest's fault.

use anyhow::{Result, ensure};
use picohttp_host::{Fault, Handler, http1};

use crate::sandbox::post;

/// What became of the answers.
#[derive(Default)]
pub struct Tally {
    pub sent: usize,
    /// Answers with a status or a header that cannot be sent.
    pub unsendable: usize,
    /// What is no answer, which is the guest's fault.
    pub refused: usize,
}

/// Has the guest `any_answer` give so many answers, the same for the same seed, which is
/// not 0. Fails if one is neither well-formed nor a fault.
pub fn answer_at_random(guest: &impl Handler, count: usize, seed: u64) -> Result<Tally> {
    ensure!(post(guest, &sound()).is_ok_and(|response| response.headers.len() == 2));
    let mut numbers = Numbers(seed);
    let mut tally = Tally::default();
    for number in 0..count {
        let mut memory = sound();
        (0..=numbers.below(3)).for_each(|_| damage(&mut memory, &mut numbers));
        match post(guest, &memory) {
            Ok(response) => {
                let headers = response.headers.iter().map(|(name, value)| (&**name, &**value));
                let mut head = Vec::new();
                let (protocol, status) = (&response.protocol, response.status);
                let written = http1::write_head(&mut head, protocol, status, headers, 4, false);
                let ends = head.windows(4).filter(|window| window == b"\r\n\r\n").count();
                ensure!(ends == usize::from(written.is_ok()), "seed {seed}, answer {number}");
                match written {
                    Ok(()) => tally.sent += 1,
                    Err(_) => tally.unsendable += 1,
                }
            }
            Err(
                Fault::Trap(_)
                | Fault::BadResponse(_)
                | Fault::ResponseTooLarge(_)
                | Fault::Error(_),
            ) => tally.refused += 1,
            Err(fault) => anyhow::bail!("seed {seed}, answer {number}: {fault:?}"),
        }
    }
    Ok(tally)
}

/// Memory from address 16 on: an answer with two headers and data.
fn sound() -> Vec<u8> {
    let mut memory = Vec::new();
    let mut words = |words: &[u32]| words.iter().for_each(|word| memory.extend(word.to_le_bytes()));
    // An `ok`, the protocol, the status, the headers, and data that are there.
    words(&[0, 96, 8, 200, 52, 2, 1, 104, 4]);
    // Where the headers' names and values are.
    words(&[104, 2, 106, 2, 96, 4, 100, 4]);
    memory.resize(96 - 16, 0);
    memory.extend_from_slice(b"HTTP/1.0abcdefgh");
    memory
}

/// A sequence of numbers that looks random, and is the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }
}

/// Changes a byte, a bit, or a word to one of those that tend to be forgotten.
fn damage(memory: &mut [u8], numbers: &mut Numbers) {
    let place = numbers.below(memory.len());
    match numbers.below(3) {
        0 => memory[place] = numbers.below(256) as u8,
        1 => memory[place] ^= 1 << numbers.below(8),
        _ => {
            const ODD: [u32; 8] = [0, 1, 0x1_ffff, 0x2_0000, 0x7fff_ffff, 1 << 31, !7, !0];
            let start = place / 4 * 4;
            let word = ODD[numbers.below(ODD.len())].to_le_bytes();
            memory[start..].iter_mut().zip(word).for_each(|(byte, odd)| *byte = odd);
        }
    }
}
