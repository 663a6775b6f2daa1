//! The head of a response is one head with the headers that were set and the host's own,
//! or nothing is written.
//!
//! An input is a status of two bytes, a length of one, and texts that 0xff separates: a
//! protocol, then names and values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use picohttp_fuzz::http1::{reason_phrase, write_head};
use picohttp_fuzz::reference::is_disguised;

const HOSTS: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

fuzz_target!(|input: &[u8]| {
    let Some((&[high, low, length], texts)) = input.split_first_chunk() else { return };
    let status = u16::from_be_bytes([high, low]);
    let persists = length % 2 == 1;
    let texts: Vec<_> = texts.split(|&byte| byte == 0xff).map(String::from_utf8_lossy).collect();
    let Some((protocol, texts)) = texts.split_first() else { return };
    let set: Vec<_> = texts.chunks_exact(2).map(|pair| (&*pair[0], &*pair[1])).collect();
    let mut output = b"before".to_vec();
    let headers = set.iter().copied();
    let written = write_head(&mut output, protocol, status, headers, length.into(), persists);

    let visible = |text: &str| !text.is_empty() && text.chars().all(|c| matches!(c, '!'..='~'));
    let name = |text: &str| !text.is_empty() && !text.contains(|c| c <= ' ' || ":\x7f".contains(c));
    let sendable = visible(protocol)
        && matches!(status, 200..=999)
        && set.iter().all(|(it, value)| {
            name(it) && !is_disguised(it, &HOSTS) && !value.contains(['\r', '\n', '\0'])
        });
    assert_eq!(written.is_ok(), sendable);
    let output = String::from_utf8(output).unwrap();
    let head = output.strip_prefix("before").unwrap();
    if !sendable {
        return assert!(head.is_empty());
    }

    let mut lines = head.strip_suffix("\r\n\r\n").unwrap().split("\r\n");
    assert_eq!(lines.next().unwrap(), format!("{protocol} {status} {}", reason_phrase(status)));
    let found: Vec<_> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let length = length.to_string();
    let connection = if persists { "keep-alive" } else { "close" };
    let hosts = [("Content-Length", &*length), ("Connection", connection)];
    let hosts = &hosts[usize::from(matches!(status, 204 | 304))..];
    let kept = set.into_iter().filter(|(name, _)| !HOSTS.contains(&&*name.to_ascii_lowercase()));
    assert_eq!(found, kept.chain(hosts.iter().copied()).collect::<Vec<_>>());
    assert!(!head.replace("\r\n", "").contains(['\r', '\n', '\0']));
});
