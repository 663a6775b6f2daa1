//! A line as one JSON object.

use std::io;
use std::net::IpAddr;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::{Facts, Time};
use crate::RequestId;

/// How many bytes of a client's word are written.
const MAX_TARGET: usize = 2048;
const MAX_WORD: usize = 256;

/// The object; what is not known is not in it. It is in one piece, as to put pieces
/// together takes longer than to write them.
#[derive(Serialize)]
struct Object<'a> {
    time: Time,
    client: Option<IpAddr>,
    request: RequestId,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    method: &'a str,
    target: &'a str,
    protocol: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    referer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    status: u16,
    reason: &'static str,
    received: usize,
    sent: usize,
    total_us: u64,
    queue_us: u64,
    instantiate_us: u64,
    guest_us: u64,
    cpu_us: u64,
    memory: usize,
}

/// Appends the line of a request, without its end.
pub(super) fn write(line: &mut Vec<u8>, facts: &Facts<'_>) {
    let figures = &facts.figures;
    let object = Object {
        time: figures.time,
        client: figures.client,
        request: figures.request,
        tenant: facts.tenant,
        route: facts.route,
        request_id: facts.request_id,
        method: cut(facts.method, MAX_WORD),
        target: cut(facts.target, MAX_TARGET),
        protocol: cut(facts.protocol, MAX_WORD),
        referer: facts.referer.map(|word| cut(word, MAX_WORD)),
        user_agent: facts.user_agent.map(|word| cut(word, MAX_WORD)),
        status: figures.status,
        reason: figures.reason,
        received: figures.received,
        sent: figures.sent,
        total_us: figures.total_us,
        queue_us: figures.queue_us,
        instantiate_us: figures.instantiate_us,
        guest_us: figures.guest_us,
        cpu_us: figures.cpu_us,
        memory: figures.memory,
    };
    // Writing to a Vec cannot fail.
    let _ = object.serialize(&mut Serializer::with_formatter(line, Ascii));
}

fn cut(word: &str, max: usize) -> &str {
    word.get(..word.floor_char_boundary(max)).unwrap_or(word)
}

/// Compact, and without any character that a terminal would obey.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if is_plain(fragment) {
            return writer.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            match character {
                ' '..='~' => write!(writer, "{character}")?,
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Looks at all bytes, whatever it finds: many at once, as nearly all texts are plain.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |is_plain, byte| is_plain & matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn line(facts: &Facts<'_>) -> String {
        let mut line = Vec::new();
        write(&mut line, facts);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_is_ascii_and_says_what_the_client_said() {
        let target = "/\"\\\n\u{7f}\u{85}\u{202e}é\u{1f600}";
        let line = line(&Facts { target, user_agent: Some("\x1b"), ..Facts::default() });
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["target"], target);
        assert_eq!(object["user_agent"], "\x1b");
        assert_eq!(object["time"], "1970-01-01T00:00:00.000Z");
        assert_eq!(object["request"], "0000000000000000");
        assert_eq!(object.get("tenant"), None);
    }

    #[test]
    fn long_words_are_cut() {
        let long = "é".repeat(1 << 20);
        let line = line(&Facts { target: &long, referer: Some(&long), ..Facts::default() });
        assert!(line.len() < 6 * (MAX_TARGET + MAX_WORD) + 500);
    }
}
