//! A line as one JSON object.

use serde::Serialize;
use serde_json::ser::Serializer;

use super::words::{MAX_TARGET, MAX_WORD, is_plain, write_address, write_number};
use super::{Facts, Figures};
use crate::text::{Ascii, cut};

/// Appends the line of a request, without its end; what is not known is not in it.
pub(super) fn write(line: &mut Vec<u8>, facts: &Facts<'_>) {
    let Figures { time, client, request, status, reason, limit, .. } = facts.figures;
    line.extend_from_slice(b"{\"time\":\"");
    line.extend_from_slice(&time.rfc3339());
    line.extend_from_slice(b"\",\"client\":");
    match client {
        Some(address) => {
            line.push(b'"');
            write_address(line, address);
            line.push(b'"');
        }
        None => line.extend_from_slice(b"null"),
    }
    line.extend_from_slice(b",\"request\":\"");
    line.extend_from_slice(&request.digits());
    line.push(b'"');
    write_known(line, ",\"tenant\":", facts.tenant);
    write_known(line, ",\"route\":", facts.route);
    write_known(line, ",\"request_id\":", facts.request_id);
    write_word(line, ",\"method\":", facts.method, MAX_WORD);
    write_word(line, ",\"target\":", facts.target, MAX_TARGET);
    write_word(line, ",\"protocol\":", facts.protocol, MAX_WORD);
    write_known(line, ",\"referer\":", facts.referer);
    write_known(line, ",\"user_agent\":", facts.user_agent);
    write_number(line, ",\"status\":", status.into());
    write_word(line, ",\"reason\":", reason, MAX_WORD);
    write_known(line, ",\"limit\":", limit);
    write_number(line, ",\"sent\":", facts.figures.sent as u64);
    for (name, number) in facts.figures.numbers() {
        line.extend_from_slice(b",\"");
        line.extend_from_slice(name.as_bytes());
        write_number(line, "\":", number);
    }
    line.push(b'}');
}

fn write_known(line: &mut Vec<u8>, before: &str, word: Option<&str>) {
    if let Some(word) = word {
        write_word(line, before, word, MAX_WORD);
    }
}

fn write_word(line: &mut Vec<u8>, before: &str, word: &str, max: usize) {
    line.extend_from_slice(before.as_bytes());
    let word = cut(word, max);
    if is_plain(word.as_bytes()) {
        line.push(b'"');
        line.extend_from_slice(word.as_bytes());
        line.push(b'"');
    } else {
        // Writing to a Vec cannot fail.
        let _ = word.serialize(&mut Serializer::with_formatter(line, Ascii));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(facts: &Facts<'_>) -> String {
        let mut line = Vec::new();
        write(&mut line, facts);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_line_has_all_that_is_known() {
        let known = json!({
            "time": "1970-01-01T00:00:00.000Z", "client": "127.0.0.1",
            "request": "0000000000000abc", "tenant": "acme", "route": "/...", "request_id": "a-1",
            "method": "GET", "target": "/a?b", "protocol": "HTTP/1.1", "referer": "http://x/",
            "user_agent": "curl/8", "status": 200, "reason": "answered", "received": 3,
            "sent": 12, "total_us": 71, "queue_us": 1, "instantiate_us": 9, "guest_us": 24,
            "cpu_us": 33, "memory": 65536,
        });
        assert_eq!(serde_json::from_str::<Value>(&line(&Facts::known())).unwrap(), known);
    }

    #[test]
    fn a_line_names_the_limit_that_was_met() {
        let figures = Figures { limit: Some("max_buffered"), ..Figures::default() };
        let line = line(&Facts { figures, ..Facts::default() });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["limit"], "max_buffered");
    }

    #[test]
    fn a_line_is_ascii_and_says_what_the_client_said() {
        let target = "/\"\\\n\u{7f}\u{85}\u{202e}é\u{1f600}";
        let line = line(&Facts { target, user_agent: Some("\x1b"), ..Facts::default() });
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
        let object: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["target"], target);
        assert_eq!(object["user_agent"], "\x1b");
        assert_eq!(object["client"], Value::Null);
        assert_eq!(object.get("tenant"), None);
    }

    #[test]
    fn long_words_are_cut() {
        let long = "é".repeat(1 << 20);
        let line = line(&Facts { target: &long, referer: Some(&long), ..Facts::default() });
        assert!(line.len() < 6 * (MAX_TARGET + MAX_WORD) + 500);
    }
}
