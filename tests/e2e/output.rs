//! What a guest prints reaches the log: as records, escaped, and not without end.

use std::io::{Read, Seek};
use std::sync::Arc;

use anyhow::Result;
use picohttp_host::Sandbox;
use picohttp_tests::sandbox::{get, load};

/// The log of one call of the guest `talk`, in lines without their times.
fn log(target: &str, sandbox: Sandbox) -> Result<Vec<String>> {
    let guest = load("talk", sandbox)?;
    let file = tempfile::tempfile()?;
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Arc::new(file.try_clone()?))
        .with_ansi(false)
        .without_time()
        .finish();
    let answer = tracing::subscriber::with_default(subscriber, || get(&guest, target));
    assert!(answer.is_ok(), "{answer:?}");
    let mut log = String::new();
    (&file).rewind()?;
    (&file).read_to_string(&mut log)?;
    let hidden = |character: char| character.is_control() && character != '\n';
    assert!(!log.contains(hidden), "{log:?}");
    Ok(log.lines().map(|line| line.trim_start().to_owned()).collect())
}

/// A line of the guest's in the log.
fn record(text: &str, stream: &str) -> String {
    format!(
        r#"INFO guest: {text} tenant="test" route="/..." request=0000000000000007 stream="{stream}""#
    )
}

#[test]
fn lines_are_records() -> Result<()> {
    let expected = [
        record("first", "stdout"),
        record("second", "stderr"),
        record("third", "stdout"),
        record("", "stdout"),
    ];
    assert_eq!(log("/lines", Sandbox::default())?, expected);
    Ok(())
}

#[test]
fn a_line_is_a_record_when_it_ends_or_the_guest_does() -> Result<()> {
    let expected = [record("one line", "stdout"), record("another, without an end", "stdout")];
    assert_eq!(log("/partial", Sandbox::default())?, expected);
    Ok(())
}

#[test]
fn what_a_terminal_would_obey_is_escaped() -> Result<()> {
    let expected = [
        record(r"\u{1b}[31mred\u{7} \u{0} \u{202e}\u{85} a\rb \\n é", "stdout"),
        record("\u{fffd}\u{fffd}", "stdout"),
    ];
    assert_eq!(log("/control", Sandbox::default())?, expected);
    Ok(())
}

/// What was dropped, as the last line of a log says it.
fn dropped(line: &str) -> usize {
    let (_, count) = line.split_once("dropped=").expect("nothing was dropped");
    count.parse().expect("no number")
}

#[test]
fn a_long_line_is_cut() -> Result<()> {
    let log = log("/long", Sandbox::default())?;
    assert_eq!(log[0], record(&"x".repeat(8 << 10), "stdout"));
    assert_eq!(log.len(), 2);
    assert_eq!(dropped(&log[1]), 100_000 - (8 << 10));
    Ok(())
}

#[test]
fn a_flood_ends_at_the_quota() -> Result<()> {
    let max_output = 20_000;
    for (target, written) in [("/flood", 1_100_000), ("/empty", 1 << 20)] {
        let log = log(target, Sandbox { max_output, ..Sandbox::default() })?;
        let length: usize = log.iter().map(String::len).sum();
        assert!(length <= max_output + 1000, "{target}: {length} bytes");
        assert!(length >= max_output / 3, "{target}: {length} bytes");
        let kept: usize = log.iter().filter(|line| line.contains("stdout")).count() - 1;
        let line = if target == "/empty" { 1 } else { "to and fro\n".len() };
        let told = log.iter().find(|line| line.contains("dropped=") && line.contains("stdout"));
        let told = dropped(told.expect("not told"));
        assert!(told.abs_diff(written - kept * line) <= line, "{target}: {told}");
    }
    Ok(())
}

#[test]
fn a_guest_without_a_quota_is_silent() -> Result<()> {
    let log = log("/lines", Sandbox { max_output: 0, ..Sandbox::default() })?;
    assert_eq!(log.len(), 2);
    assert!(log.iter().all(|line| dropped(line) > 0), "{log:?}");
    Ok(())
}
