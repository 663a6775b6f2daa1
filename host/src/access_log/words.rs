//! What both kinds of lines are made of, and how much of a client's words is in them.

use std::io::Write;
use std::net::IpAddr;

/// How many bytes of a target are written.
pub(super) const MAX_TARGET: usize = 2048;

/// How many bytes of any other word of a client's are written.
pub(super) const MAX_WORD: usize = 256;

pub(super) fn write_number(line: &mut Vec<u8>, before: &str, number: u64) {
    line.extend_from_slice(before.as_bytes());
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

pub(super) fn write_address(line: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                write_number(line, if place == 0 { "" } else { "." }, octet.into());
            }
        }
        // Writing to a Vec cannot fail.
        IpAddr::V6(address) => drop(write!(line, "{address}")),
    }
}

/// Whether a word can stand between quotes as it is. Looks at all bytes, whatever it finds:
/// many at once, as nearly all words can.
pub(super) fn is_plain(word: &[u8]) -> bool {
    word.iter().fold(true, |plain, &byte| plain & is_plain_byte(byte))
}

/// Whether it is visible ASCII or a space, and neither a quote nor a backslash.
pub(super) fn is_plain_byte(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}
