//! The log of requests.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use picohttp_host::config::{AccessLog, LogFormat, LogTarget};
use picohttp_host::{
    HttpServer, KeepAlive, Request, Response, Route, RunningServer, Sandbox, Tenant,
};
use picohttp_tests::client::{Client, exchange, get};
use picohttp_tests::host::eventually;
use picohttp_tests::sandbox::load;
use serde_json::{Value, json};
use socket2::SockRef;
use tempfile::TempDir;

/// A server that keeps a log, and stops when it is dropped.
struct Server {
    server: RunningServer,
    folder: TempDir,
}

impl Server {
    fn start(server: HttpServer, format: LogFormat) -> Result<Server> {
        let folder = tempfile::tempdir()?;
        let target = LogTarget::File(folder.path().join("log"));
        let server = server.port(0).access_log(AccessLog { target, format }).start()?;
        Ok(Server { server, folder })
    }

    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The lines of the log, once there are so many.
    fn lines(&self, count: usize) -> Result<Vec<String>> {
        lines(&self.file(), count)
    }

    /// The only line of a log in JSON.
    fn object(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.lines(1)?[0])?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.server.stop(Duration::from_secs(1));
    }
}

fn lines(file: &Path, count: usize) -> Result<Vec<String>> {
    let read = || -> Vec<String> {
        fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
    };
    eventually("so many lines", || read().len() >= count)?;
    assert_eq!(read().len(), count);
    Ok(read())
}

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello".into());
}

fn acme() -> HttpServer {
    HttpServer::of_tenants([Tenant::new("acme").route(Route::new("/a/...", hello))])
}

#[test]
fn a_request_is_a_line_of_text() -> Result<()> {
    let server = Server::start(acme(), LogFormat::Text)?;
    let request = "GET /a/b?c HTTP/1.0\r\nReferer: http://x/\r\nUser-Agent: test 1\r\nX-Request-Id: r-1\r\n\r\n";
    exchange(server.address(), request)?;
    let line = &server.lines(1)?[0];
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    let fields = "+0000] \"GET /a/b?c HTTP/1.0\" 200 5 \"http://x/\" \"test 1\" \
                  tenant=\"acme\" route=\"/a/...\" request=";
    assert!(line.contains(fields), "{line}");
    assert!(line.contains(" request_id=\"r-1\" reason=answered received=0 total_us="), "{line}");
    Ok(())
}

#[test]
fn a_request_is_an_object() -> Result<()> {
    let guest = load("talk", Sandbox::default())?;
    let server = Server::start(HttpServer::new(guest), LogFormat::Json)?;
    exchange(server.address(), "POST /x HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc")?;
    let object = server.object()?;
    for (name, value) in [
        ("tenant", "default"),
        ("route", "/..."),
        ("method", "POST"),
        ("target", "/x"),
        ("protocol", "HTTP/1.0"),
        ("reason", "answered"),
        ("client", "127.0.0.1"),
    ] {
        assert_eq!(object[name], value, "{object}");
    }
    assert_eq!((&object["status"], &object["received"]), (&200.into(), &3.into()));
    assert!(object["memory"].as_u64() >= Some(64 << 10), "{object}");
    assert!(object["instantiate_us"].as_u64() > Some(0), "{object}");
    assert!(object["guest_us"].as_u64() <= object["total_us"].as_u64(), "{object}");
    Ok(())
}

#[test]
fn what_clients_say_stays_within_its_line() -> Result<()> {
    for format in [LogFormat::Text, LogFormat::Json] {
        let server = Server::start(acme(), format)?;
        let agent = "\"}\x1b[2J\x07\u{202e} 127.0.0.1 - -";
        exchange(
            server.address(),
            format!("GET /a/\"{{}}\\ HTTP/1.0\r\nUser-Agent: {agent}\r\n\r\n"),
        )?;
        let line = &server.lines(1)?[0];
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
        match format {
            LogFormat::Text => assert_eq!(line.matches('"').count(), 12, "{line}"),
            LogFormat::Json => assert_eq!(server.object()?["user_agent"], agent),
        }
    }
    Ok(())
}

#[test]
fn requests_that_are_not_handled_are_logged_as_far_as_they_came() -> Result<()> {
    let server = Server::start(acme(), LogFormat::Json)?;
    let check = |request: &str, status: u16, target: &str, reason: &str| -> Result<()> {
        let _ = fs::remove_file(server.file());
        server.server.reopen_access_log()?;
        assert_eq!(exchange(server.address(), request)?.status, status);
        let object = server.object()?;
        let expected = (&status.into(), &target.into(), &reason.into());
        assert_eq!((&object["status"], &object["target"], &object["reason"]), expected);
        Ok(())
    };
    check("GET /nowhere HTTP/1.0\r\n\r\n", 404, "/nowhere", "no-route")?;
    check("POST /b HTTP/1.0\r\nContent-Length: 9\r\n\r\n", 404, "/b", "no-route")?;
    check("POST /a HTTP/1.0\r\nContent-Length: 99999999999\r\n\r\n", 413, "/a", "body-too-large")?;
    check("GET /a b c HTTP/1.0\r\n\r\n", 400, "GET /a b c HTTP/1.0", "bad-request")?;
    let endless = format!("GET /{}", "a".repeat(70_000));
    let cut = &endless["GET ".len()..][..2048];
    check(&endless, 414, cut, "head-too-large")?;
    Ok(())
}

#[test]
fn a_client_that_resets_within_its_request_is_logged() -> Result<()> {
    let server = Server::start(HttpServer::new(hello), LogFormat::Json)?;
    let mut client = Client::connect(server.address())?;
    client.send("POST /unfinished HTTP/1.0\r\nContent-Length: 2\r\n\r\n1")?;
    // Closed by a reset when it is dropped.
    SockRef::from(&client.0).set_linger(Some(Duration::ZERO))?;
    drop(client);
    let line = server.object()?;
    assert_eq!((&line["target"], &line["status"]), (&json!("/unfinished"), &json!(499)));
    assert_eq!(line["reason"], "client-gone");
    Ok(())
}

#[test]
fn a_file_is_made_anew_when_it_was_moved() -> Result<()> {
    let server = Server::start(acme(), LogFormat::Text)?;
    get(server.address(), "/a/1")?;
    server.lines(1)?;
    let moved = server.folder.path().join("log.1");
    fs::rename(server.file(), &moved)?;
    get(server.address(), "/a/2")?;
    lines(&moved, 2)?;
    server.server.reopen_access_log()?;
    get(server.address(), "/a/3")?;
    assert!(server.lines(1)?[0].contains("/a/3"));
    lines(&moved, 2)?;
    Ok(())
}

#[test]
fn a_server_that_has_stopped_has_written_all() -> Result<()> {
    let server = Server::start(acme(), LogFormat::Text)?;
    for _ in 0..50 {
        get(server.address(), "/a")?;
    }
    server.server.stop(Duration::from_secs(10));
    assert_eq!(fs::read_to_string(server.file())?.lines().count(), 50);
    Ok(())
}

#[test]
fn a_log_that_cannot_be_opened_is_said_at_the_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let target = LogTarget::File(folder.path().join("no/log"));
    let log = AccessLog { target, format: LogFormat::Text };
    let started = acme().port(0).access_log(log).start();
    let error = started.err().context("it started")?.to_string();
    assert!(error.starts_with("cannot open the access log: "), "{error}");
    Ok(())
}

#[test]
fn a_log_that_nobody_reads_stops_no_request() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let fifo = folder.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU)?;
    // As long as this is open, the log can be opened, too.
    let _reader = fs::OpenOptions::new().read(true).write(true).open(&fifo)?;
    let log = AccessLog { target: LogTarget::File(fifo), format: LogFormat::Text };
    let server = acme().port(0).keep_alive(KeepAlive::default()).access_log(log);
    let server = server.admin("127.0.0.1:0".parse()?, None).start()?;
    let long = "a".repeat(2000);
    let request = format!("GET /a/{long} HTTP/1.1\r\n\r\n");
    let mut client = Client::connect(server.address())?;
    let admin = server.admin_address().context("no admin listener")?;
    let dropped = || -> Result<u64> {
        let status = exchange(admin, "GET /status HTTP/1.0\r\n\r\n")?;
        let status: Value = serde_json::from_slice(&status.body)?;
        status["access_log"]["dropped_lines"].as_u64().context("no number")
    };
    for _ in 0..3000 {
        client.send(&request)?;
        let head = client.read("HTTP/1.1 200 OK\r\n".len())?;
        assert_eq!(head, b"HTTP/1.1 200 OK\r\n");
        client.read("Content-Length: 5\r\nConnection: keep-alive\r\n\r\nHello".len())?;
    }
    assert!(dropped()? > 100);
    server.stop(Duration::ZERO);
    Ok(())
}

#[test]
fn a_log_that_is_read_slowly_loses_nothing() -> Result<()> {
    const REQUESTS: usize = 200;
    let folder = tempfile::tempdir()?;
    let fifo = folder.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU)?;
    // To open only one end would be to wait for the other.
    let both = fs::OpenOptions::new().read(true).write(true).open(&fifo)?;
    let reader = fs::File::open(&fifo)?;
    let log = AccessLog { target: LogTarget::File(fifo), format: LogFormat::Text };
    let server = acme().port(0).access_log(log).start()?;
    drop(both);
    // Several times what fits into the pipe.
    let target = format!("/a/{}", "a".repeat(2000));
    for _ in 0..REQUESTS {
        assert_eq!(get(server.address(), &target)?.status, 200);
    }
    let whole = |line: &str| line.starts_with("127.0.0.1 - - [") && line.contains("memory=");
    let reading = thread::spawn(|| BufReader::new(reader).lines().collect());
    server.stop(Duration::from_secs(1));
    let lines: std::io::Result<Vec<String>> = reading.join().expect("no panic");
    let lines = lines?;
    assert_eq!(lines.len(), REQUESTS);
    assert!(lines.iter().all(|line| whole(line)), "{lines:?}");
    Ok(())
}

#[test]
fn a_request_begins_with_its_first_byte() -> Result<()> {
    let server = Server::start(acme(), LogFormat::Json)?;
    let mut client = Client::connect(server.address())?;
    let pause = Duration::from_secs(1);
    thread::sleep(pause);
    client.send("GET /a HTTP/1.0\r\n\r\n")?;
    assert_eq!(client.answer()?.status, 200);
    let total = server.object()?["total_us"].as_u64().context("no time")?;
    assert!(u128::from(total) < pause.as_micros(), "{total}");
    Ok(())
}

#[test]
fn the_log_shows_both_names() -> Result<()> {
    let server = Server::start(acme().request_ids(true), LogFormat::Json)?;
    exchange(server.address(), "GET /a HTTP/1.0\r\nX-Request-Id: mine\r\n\r\n")?;
    let object = server.object()?;
    assert_eq!(object["request_id"], "mine");
    assert_eq!(object["request"].as_str().map(str::len), Some(16));
    Ok(())
}

#[test]
fn a_port_that_is_taken_is_said_at_the_start() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let started = acme().port(0).admin(taken.local_addr()?, None).start();
    let error = started.err().context("it started")?.to_string();
    assert!(error.starts_with("cannot listen for operators: "), "{error}");
    Ok(())
}
