//! What reaches the log.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use picohttp_tests::client::{exchange, get};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;

use crate::running::{Running, command};

/// The only line of the log that contains a text.
fn line<'a>(log: &'a str, text: &str) -> &'a str {
    let mut lines = log.lines().filter(|line| line.contains(text));
    let line = lines.next().unwrap_or_else(|| panic!("no {text:?} in:\n{log}"));
    assert_eq!(lines.next(), None, "{text:?} is logged twice");
    line
}

#[test]
fn a_guests_output_is_logged_line_by_line_under_its_name_and_request() -> Result<()> {
    let host = Running::start(command().arg(guest("talk")?))?;
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
    let host = Running::start(&mut command)?;
    host.get("/hello")?;
    let is_logged = |text: String| text.contains("\"GET /hello HTTP/1.0\" 200 ");
    eventually("the line", || fs::read_to_string(&path).is_ok_and(is_logged))
}

#[test]
fn a_guest_cannot_write_control_bytes_or_forge_a_line() -> Result<()> {
    let host = Running::start(command().arg(guest("talk")?))?;
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
    let host = Running::start(command().arg(plugin("greet")?))?;
    let request = "G\u{9b}31m\"status=200\u{202e} /\u{85}\u{2028}\u{202e}WARN HTTP/1.0\r\n\r\n";
    assert_eq!(exchange(host.address, request)?.status, 500);
    host.wait_for("handler-error")?;
    let log = host.log();
    assert!(line(&log, "handler-error").is_ascii(), "{log}");
    Ok(())
}

#[test]
fn a_fault_is_logged_once_with_its_reason_and_the_request_that_its_client_was_told() -> Result<()> {
    let host = Running::start(command().arg(guest("panic")?))?;
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
    let host = Running::start(command().arg(guest("files")?).args(["-vv", "--dir", &grant]))?;
    host.get("/look?path=/data/../&to=1")?;
    host.get("/read?path=/data/../x")?;
    host.get("/last")?;
    host.wait_for("target=\"/last\"")?;
    assert!(!host.log().contains("wasmtime"), "{}", host.log());
    Ok(())
}

#[test]
fn the_level_decides_what_is_logged() -> Result<()> {
    let verbose = Running::start(command().arg(plugin("hello")?).arg("-v"))?;
    verbose.get("/hello")?;
    verbose.wait_for(r#"method="GET" target="/hello" status=200 reason=answered"#)?;
    assert!(!verbose.log().contains("the engine is ready"), "{}", verbose.log());

    let more = Running::start(command().arg(plugin("hello")?).arg("-vv"))?;
    assert!(more.log().contains("the engine is ready"), "{}", more.log());

    let usual = Running::start(command().arg(guest("talk")?))?;
    usual.get("/lines")?;
    usual.wait_for("first")?;
    assert!(!usual.log().contains("reason=answered"));

    let mut quiet = command();
    quiet.arg(guest("talk")?).arg("-q").env("RUST_LOG", "warn");
    // A quiet host does not say that it serves, so the port must be known.
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    quiet.args(["--port", &port.to_string()]).stderr(Stdio::piped());
    let mut child = quiet.spawn()?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    eventually("it serves", || get(address, "/lines").is_ok())?;
    child.kill()?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8(output.stderr)?;
    // Tests may be run by root, which is worth a word.
    assert_eq!(said.lines().find(|line| !line.contains("serving as root")), None);
    Ok(())
}

/// A command whose log is read only as far as it says where it serves.
struct Unread {
    child: Child,
    log: Option<BufReader<ChildStderr>>,
}

impl Unread {
    fn start(guest: &Path) -> Result<(Unread, SocketAddr)> {
        let mut command = command();
        let mut child = command.arg(guest).args(["--port", "0"]).stderr(Stdio::piped()).spawn()?;
        let log = child.stderr.take().map(|log| BufReader::with_capacity(1, log));
        let mut host = Unread { child, log };
        let line = host.read_to("Serving HTTP on http://")?;
        let (_, address) = line.split_once("http://").context(line.clone())?;
        let address = address.trim_end_matches("/\n").parse()?;
        Ok((host, address))
    }

    /// Reads on to a line that contains a text. It must come within half a minute.
    fn read_to(&mut self, text: &'static str) -> Result<String> {
        let mut log = self.log.take().context("no standard error")?;
        let (found, read) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            while !line.contains(text) {
                line.clear();
                if !log.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                    return;
                }
            }
            // Nobody waits for it any more if it came too late.
            let _ = found.send((line, log));
        });
        let (line, log) = read.recv_timeout(Duration::from_secs(30)).context(text)?;
        self.log = Some(log);
        Ok(line)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_log_that_nobody_reads_stops_no_request_and_no_signal() -> Result<()> {
    let (mut host, address) = Unread::start(&guest("panic")?)?;
    for _ in 0..1000 {
        assert_eq!(get(address, "/panic")?.status, 500);
    }
    Command::new("kill").arg(host.child.id().to_string()).status()?;
    let mut status = None;
    eventually("the command ends", || {
        status = host.child.try_wait().ok().flatten();
        status.is_some()
    })?;
    assert_eq!(status.and_then(|status| status.code()), Some(0));
    Ok(())
}

#[test]
fn a_log_that_was_not_read_says_that_lines_are_missing() -> Result<()> {
    let (mut host, address) = Unread::start(&guest("talk")?)?;
    for _ in 0..100 {
        assert_eq!(get(address, "/empty")?.status, 200);
    }
    let line = host.read_to("lines of this log were dropped")?;
    let (_, lines) = line.trim_end().rsplit_once("lines=").context(line.clone())?;
    assert!(lines.parse::<usize>()? > 0, "{line}");
    Ok(())
}
