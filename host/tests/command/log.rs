//! What reaches the log.

use std::fs::{self, File};
use std::net::TcpListener;

use anyhow::{Context, Result};
use picohttp_tests::client::{exchange, get};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;
use picohttp_tests::program::Program;

use crate::configuration::Folder;
use crate::running::command;

/// The only line of the log that contains a text.
fn line<'a>(log: &'a str, text: &str) -> &'a str {
    let mut lines = log.lines().filter(|line| line.contains(text));
    let line = lines.next().unwrap_or_else(|| panic!("no {text:?} in:\n{log}"));
    assert_eq!(lines.next(), None, "{text:?} is logged twice");
    line
}

#[test]
fn a_guests_output_is_logged_line_by_line_under_its_name_and_request() -> Result<()> {
    let host = Program::start(command().arg(guest("talk")?))?;
    host.get("/lines")?;
    host.wait_for("third")?;
    let log = host.log();
    for (text, stream) in [("first", "stdout"), ("second", "stderr"), ("third", "stdout")] {
        let line = line(&log, &format!("text=\"{text}\""));
        assert!(line.contains("tenant=\"talk\""), "{line}");
        assert!(line.contains(&format!("stream=\"{stream}\"")), "{line}");
        assert!(line.contains("request="), "{line}");
    }
    Ok(())
}

#[test]
fn standard_output_can_have_a_line_for_each_request() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("output");
    let mut command = command();
    command.arg(plugin("hello")?).args(["--access-log", "stdout"]).stdout(File::create(&path)?);
    let host = Program::start(&mut command)?;
    host.get("/hello")?;
    let is_logged = |text: String| text.contains("\"GET /hello HTTP/1.0\" 200 ");
    eventually("the line", || fs::read_to_string(&path).is_ok_and(is_logged))
}

#[test]
fn a_guest_cannot_write_control_bytes_or_forge_a_line() -> Result<()> {
    let host = Program::start(command().arg(guest("talk")?))?;
    host.get("/control")?;
    host.wait_for("red")?;
    let log = host.log();
    let escaped = r"\u{1b}[31mred\u{7} \u{0} \u{202e}\u{85} a\rb \\n é";
    assert!(line(&log, "red").contains(escaped), "{log}");
    assert!(log.bytes().all(|byte| byte >= b' ' || byte == b'\n'));
    Ok(())
}

#[test]
fn a_client_cannot_forge_a_line_either() -> Result<()> {
    let host = Program::start(command().arg(plugin("greet")?))?;
    let request = "G\u{9b}31m\"status=200\u{202e} /\u{85}\u{2028}\u{202e}WARN HTTP/1.0\r\n\r\n";
    assert_eq!(exchange(host.address, request)?.status, 500);
    host.wait_for("handler-error")?;
    let log = host.log();
    assert!(line(&log, "handler-error").is_ascii(), "{log}");
    Ok(())
}

#[test]
fn a_fault_is_logged_once_with_its_reason_and_the_request_that_its_client_was_told() -> Result<()> {
    let host = Program::start(command().arg(guest("panic")?))?;
    let body = host.get("/panic")?.text().to_owned();
    host.wait_for("reason=trap")?;
    let log = host.log();
    let line = line(&log, "reason=trap");
    let request = body.rsplit("request ").next().unwrap_or_default().trim_end_matches(")\n");
    assert_eq!(request.len(), 16, "{body}");
    for text in [request, "WARN", "status=500", "/panic", "unreachable"] {
        assert!(line.contains(text), "{text:?} is not in {line}");
    }
    Ok(())
}

#[test]
fn no_guest_has_somebody_else_log_for_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let grant = format!("{}::/data", folder.path().display());
    let host = Program::start(command().arg(guest("files")?).args(["-vv", "--dir", &grant]))?;
    host.get("/look?path=/data/../&to=1")?;
    host.get("/read?path=/data/../x")?;
    host.get("/last")?;
    host.wait_for("target=\"/last\"")?;
    assert!(!host.log().contains("wasmtime"), "{}", host.log());
    Ok(())
}

#[test]
fn the_level_decides_what_is_logged() -> Result<()> {
    let verbose = Program::start(command().arg(plugin("hello")?).arg("-v"))?;
    verbose.get("/hello")?;
    verbose.wait_for(r#"method="GET" target="/hello" status=200 reason=answered"#)?;
    verbose.wait_for("reason=one-request")?;
    let log = verbose.log();
    assert!(log.contains(" closed: one request for each connection "), "{log}");
    assert!(!log.contains("the engine is ready"), "{log}");

    let more = Program::start(command().arg(plugin("hello")?).arg("-vv"))?;
    more.wait_for("the engine is ready")?;

    let usual = Program::start(command().arg(guest("talk")?))?;
    usual.get("/lines")?;
    usual.wait_for("first")?;
    assert!(!usual.log().contains("reason=answered"));

    let mut quiet = command();
    quiet.arg(guest("talk")?).arg("-q").env("RUST_LOG", "warn");
    // A quiet host does not say that it serves, so the port must be known.
    let address = TcpListener::bind("127.0.0.4:0")?.local_addr()?;
    let quiet = Program::begin(quiet.args(["--addr", &address.to_string()]))?;
    eventually("it serves", || get(address, "/lines").is_ok())?;
    quiet.signal("KILL")?;
    let said = quiet.whole_log()?;
    // Tests may be run by root, which is worth a word.
    assert_eq!(said.lines().find(|line| !line.contains("serving as root")), None);
    Ok(())
}

#[test]
fn a_log_that_nobody_reads_stops_no_request_and_no_signal() -> Result<()> {
    let mut host = Program::start(command().arg(guest("panic")?))?;
    host.leave_log();
    for _ in 0..1000 {
        assert_eq!(host.get("/panic")?.status, 500);
    }
    host.signal("TERM")?;
    assert_eq!(host.end()?.code(), Some(0));
    Ok(())
}

#[test]
fn a_log_that_was_not_read_says_that_lines_are_missing() -> Result<()> {
    const DROPPED: &str = "lines of the log are dropped: ";
    let source = guest("talk")?;
    let folder =
        Folder::new(&format!("[[tenant]]\nname = 'talk'\nsource = {source:?}\nlog_quota = 0\n"))?;
    let host = folder.serve(&[])?;
    host.leave_log();
    for _ in 0..100 {
        assert_eq!(host.get("/empty")?.status, 200);
    }
    host.read_log();
    host.wait_for(DROPPED)?;
    let log = host.log();
    let line = log.lines().find(|line| line.contains(DROPPED)).context("no line")?;
    let (_, lines) = line.rsplit_once("dropped=").context(line.to_owned())?;
    assert!(lines.parse::<usize>()? > 0, "{line}");
    Ok(())
}
