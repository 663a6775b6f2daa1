//! A line in the Combined Log Format, with more fields after it.
//!
//! ```text
//! 127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl/8"
//! tenant="acme" route="/..." request=0005e1c1a0b2c000 request_id="-" reason=answered
//! received=0 total_us=71 queue_us=0 instantiate_us=9 guest_us=24 cpu_us=33 memory=1179648
//! ```
//!
//! A request that met one of several limits has `limit=tenant.max_queue`, say, behind its
//! reason.

use std::io::Write;

use super::words::{MAX_TARGET, MAX_WORD, is_plain, is_plain_byte, write_address, write_number};
use super::{Facts, Figures};

/// Appends the line of a request, without its end.
pub(super) fn write(line: &mut Vec<u8>, facts: &Facts<'_>) {
    let Figures { time, client, request, status, reason, limit, .. } = facts.figures;
    match client {
        Some(address) => write_address(line, address),
        None => line.push(b'-'),
    }
    line.extend_from_slice(b" - - [");
    line.extend_from_slice(&time.common());
    line.extend_from_slice(b"] \"");
    let words = [(facts.method, MAX_WORD), (facts.target, MAX_TARGET), (facts.protocol, MAX_WORD)];
    let mut written = false;
    for (word, max) in words.into_iter().filter(|(word, _)| !word.is_empty()) {
        if written {
            line.push(b' ');
        }
        write_escaped(line, word, max);
        written = true;
    }
    if !written {
        line.push(b'-');
    }
    line.extend_from_slice(b"\" ");
    write_number(line, "", status.into());
    write_number(line, " ", facts.figures.sent as u64);
    write_quoted(line, " ", facts.referer);
    write_quoted(line, " ", facts.user_agent);
    write_quoted(line, " tenant=", facts.tenant);
    write_quoted(line, " route=", facts.route);
    line.extend_from_slice(b" request=");
    line.extend_from_slice(&request.digits());
    write_quoted(line, " request_id=", facts.request_id);
    line.extend_from_slice(b" reason=");
    line.extend_from_slice(reason.as_bytes());
    if let Some(limit) = limit {
        line.extend_from_slice(b" limit=");
        line.extend_from_slice(limit.as_bytes());
    }
    for (name, number) in facts.figures.numbers() {
        line.push(b' ');
        line.extend_from_slice(name.as_bytes());
        write_number(line, "=", number);
    }
}

fn write_quoted(line: &mut Vec<u8>, before: &str, word: Option<&str>) {
    line.extend_from_slice(before.as_bytes());
    line.push(b'"');
    match word {
        Some(word) => write_escaped(line, word, MAX_WORD),
        None => line.push(b'-'),
    }
    line.push(b'"');
}

/// Appends what a client said: quotes, and all that is not visible ASCII or a space, as
/// `\xHH`.
fn write_escaped(line: &mut Vec<u8>, word: &str, max: usize) {
    let word = word.as_bytes();
    let kept = word.get(..max).unwrap_or(word);
    if is_plain(kept) {
        line.extend_from_slice(kept);
    } else {
        for &byte in kept {
            match is_plain_byte(byte) {
                true => line.push(byte),
                false => drop(write!(line, "\\x{byte:02X}")),
            }
        }
    }
    if kept.len() < word.len() {
        line.extend_from_slice(b"...");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(facts: &Facts<'_>) -> String {
        let mut line = Vec::new();
        write(&mut line, facts);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_has_all_that_is_known() {
        assert_eq!(
            line(&Facts::known()),
            "127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] \"GET /a?b HTTP/1.1\" 200 12 \
             \"http://x/\" \"curl/8\" tenant=\"acme\" route=\"/...\" request=0000000000000abc \
             request_id=\"a-1\" reason=answered received=3 total_us=71 queue_us=1 \
             instantiate_us=9 guest_us=24 cpu_us=33 memory=65536"
        );
        assert!(line(&Facts::default()).starts_with("- - - [01/Jan/1970:00:00:00 +0000] \"-\" 0"));
    }

    #[test]
    fn a_line_names_the_limit_that_was_met() {
        let (reason, limit) = ("overloaded", Some("max_buffered"));
        let figures = Figures { reason, limit, ..Figures::default() };
        let line = line(&Facts { figures, ..Facts::default() });
        assert!(line.contains(" reason=overloaded limit=max_buffered received=0 "), "{line}");
    }

    #[test]
    fn a_client_cannot_forge_a_line() {
        let facts = Facts {
            method: "GET",
            target: "/\" 200\n127.0.0.1 \\x22\u{202e}\u{7f}",
            user_agent: Some("\x1b[2J\r\n\""),
            ..Facts::default()
        };
        let line = line(&facts);
        assert!(
            line.contains(r#""GET /\x22 200\x0A127.0.0.1 \x5Cx22\xE2\x80\xAE\x7F" 0"#),
            "{line}"
        );
        assert!(line.contains(r#""\x1B[2J\x0D\x0A\x22""#), "{line}");
    }

    #[test]
    fn long_words_are_cut() {
        let long = "\n".repeat(1 << 20);
        let facts =
            Facts { method: &long, target: &long, user_agent: Some(&long), ..Facts::default() };
        assert!(line(&facts).len() < 4 * (MAX_TARGET + 2 * MAX_WORD) + 500);
    }
}
