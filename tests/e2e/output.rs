//! What a guest prints reaches the log: as records, escaped, and not without end.

use std::io::{Read, Seek};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use picohttp_host::{Fault, HttpServer, Response, Route, Sandbox, Tenant};
use picohttp_tests::client;
use picohttp_tests::sandbox::{get, load};

/// The log of one call of the guest `talk`, in lines without their times.
fn log(target: &str, sandbox: Sandbox) -> Result<Vec<String>> {
    let (log, outcome) = log_of("talk", target, sandbox)?;
    assert!(outcome.is_ok(), "{outcome:?}");
    Ok(log)
}

/// The log of one call of a guest, and how that ended.
fn log_of(
    guest: &str,
    target: &str,
    sandbox: Sandbox,
) -> Result<(Vec<String>, Result<Response, Fault>)> {
    let guest = load(guest, sandbox)?;
    let file = tempfile::tempfile()?;
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Arc::new(file.try_clone()?))
        .with_ansi(false)
        .without_time()
        .finish();
    let outcome = tracing::subscriber::with_default(subscriber, || get(&guest, target));
    let mut log = String::new();
    (&file).rewind()?;
    (&file).read_to_string(&mut log)?;
    let hidden = |character: char| character.is_control() && character != '\n';
    assert!(!log.contains(hidden), "{log:?}");
    let lines = log.lines().map(|line| line.trim_start().to_owned()).collect();
    Ok((lines, outcome))
}

/// A line of the guest's in the log.
fn record(text: &str, stream: &str) -> String {
    format!(
        r#"INFO guest: tenant="test" route="/..." request=0000000000000007 stream="{stream}" text="{text}""#
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
        assert!(length >= max_output / 4, "{target}: {length} bytes");
        let kept: usize = log.iter().filter(|line| line.contains("stdout")).count() - 1;
        let line = if target == "/empty" { 1 } else { "to and fro\n".len() };
        let told = log.iter().find(|line| line.contains("dropped=") && line.contains("stdout"));
        let told = dropped(told.expect("not told"));
        assert!(told.abs_diff(written - kept * line) <= line, "{target}: {told}");
    }
    Ok(())
}

#[test]
fn who_prints_more_at_once_than_there_is_room_for_is_stopped() -> Result<()> {
    let guest = load("streams", Sandbox::default())?;
    assert!(matches!(get(&guest, "/flood"), Err(Fault::Trap(_))));
    Ok(())
}

#[test]
fn a_guest_without_a_quota_is_silent() -> Result<()> {
    let log = log("/lines", Sandbox { max_output: 0, ..Sandbox::default() })?;
    assert_eq!(log.len(), 2);
    assert!(log.iter().all(|line| dropped(line) > 0), "{log:?}");
    Ok(())
}

/// What two floods write, to both streams.
const FLOODS: u64 = 2 * (1_100_000 + 1_000_000);

#[test]
fn what_is_dropped_is_counted_for_its_tenant() -> Result<()> {
    let sandbox = Sandbox { max_output: 20_000, ..Sandbox::default() };
    let talk = load("talk", sandbox)?;
    let tenant = |name: &str| Tenant::new(name).hosts([name]);
    let server = HttpServer::of_tenants([
        tenant("loud").log_rate(10_000).route(Route::new("/...", talk.clone())),
        tenant("calm").route(Route::new("/...", talk)),
    ]);
    let server = server.port(0).admin("127.0.0.1:0".parse()?, None).start()?;
    for (host, target) in [("loud", "/flood"), ("loud", "/flood"), ("calm", "/lines")] {
        assert_eq!(client::get_of(server.address(), host, target)?.status, 200);
    }
    let metrics = client::get(server.admin_address().context("no admin")?, "/metrics")?;
    server.stop(Duration::from_secs(1));
    let dropped = |tenant: &str| -> Result<u64> {
        let series = format!("guest_log_dropped_bytes_total{{tenant=\"{tenant}\"}} ");
        let mut lines = metrics.text().lines();
        let count = lines.find_map(|line| line.split_once(&series)).context("no series")?.1;
        Ok(count.parse()?)
    };
    assert_eq!(dropped("calm")?, 0);
    // No more reaches the log than each request may write.
    let loud = dropped("loud")?;
    assert!((FLOODS - 40_000..=FLOODS).contains(&loud), "{loud}");
    Ok(())
}

#[test]
fn a_message_of_wasi_logging_is_one_line() -> Result<()> {
    let sandbox =
        Sandbox { timeout: Duration::from_millis(50), max_output: 2000, ..Sandbox::default() };
    let (log, outcome) = log_of("log_forever", "/", sandbox)?;
    assert!(matches!(outcome, Err(Fault::Timeout(_))), "{outcome:?}");
    assert_eq!(log[0], record(r"warn db\n: one\ntwo \u{1b}[31m", "log"));
    assert!(log.last().is_some_and(|line| dropped(line) > 0), "{log:?}");
    Ok(())
}
