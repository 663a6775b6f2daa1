//! Clients that are still sending when they are answered: each can read its answer, which
//! a reset would destroy.

use std::time::{Duration, Instant};

use anyhow::Result;
use picohttp_host::{HttpServer, Request, Response, Timeouts};
use picohttp_tests::client::{Answer, Client};
use picohttp_tests::host::{Host, eventually};
use picohttp_tests::shared::BEHAVE;

/// Has many clients send 8 MiB more than the host wants to know, and each of them read
/// its answer only after that.
fn check_blast(head: &str, expected: u16) -> Result<()> {
    let blast = vec![b'a'; 8 << 20];
    for _ in 0..50 {
        let mut client = Client::connect(BEHAVE.address())?;
        client.send(head)?;
        client.send(&blast)?;
        assert_eq!(client.answer()?.status, expected);
    }
    Ok(())
}

#[test]
fn a_client_that_sends_too_large_a_body_can_read_why_not() -> Result<()> {
    check_blast("POST / HTTP/1.1\r\nContent-Length: 10485761\r\n\r\n", 413)
}

#[test]
fn a_client_that_sends_too_large_a_chunk_can_read_why_not() -> Result<()> {
    check_blast("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\na00001\r\n", 413)
}

#[test]
fn a_client_that_sends_too_many_headers_can_read_why_not() -> Result<()> {
    check_blast("GET / HTTP/1.1\r\n", 431)
}

#[test]
fn a_client_that_sends_too_long_a_target_can_read_why_not() -> Result<()> {
    check_blast("GET /", 414)
}

#[test]
fn a_client_that_sends_nonsense_can_read_why_not() -> Result<()> {
    check_blast("GET / HTTP/1.1\r\n: x\r\n\r\n", 400)
}

#[test]
fn a_client_that_sends_a_body_without_a_length_can_read_its_answer() -> Result<()> {
    check_blast("POST / HTTP/1.1\r\n\r\n", 200)
}

#[test]
fn a_client_whose_request_fills_a_read_can_send_more() -> Result<()> {
    let (head, end) = ("GET /data/here HTTP/1.1\r\nA: ", "\r\n\r\n");
    for length in [4096, 8192, 32768] {
        let filling = "x".repeat(length - head.len() - end.len());
        let mut client = Client::connect(BEHAVE.address())?;
        client.send(format!("{head}{filling}{end}GET /again HTTP/1.1\r\n\r\n"))?;
        assert_eq!(client.answer()?.text(), "here", "{length}");
    }
    Ok(())
}

#[test]
fn a_client_that_sends_a_late_line_end_gets_all_of_a_large_answer() -> Result<()> {
    let handler = |_: &Request<'_>, response: &mut Response| {
        response.data = Some(vec![b'a'; 1 << 20]);
    };
    let host = Host::serve(HttpServer::new(handler))?;
    let mut client = Client::connect(host.address())?;
    client.send("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n1")?;
    // Most of the answer is still on its way.
    let beginning = client.read(1)?;
    client.send("\r\n")?;
    let rest = client.read_all()?;
    let answer = Answer::parse(&[beginning, rest].concat())?;
    assert_eq!(answer.body.len(), 1 << 20);
    drop(client);
    eventually("the connection is closed", || host.connections() == 0)
}

#[test]
fn a_client_that_sends_a_line_end_behind_its_body_at_any_moment_has_its_answer() -> Result<()> {
    for wait in (0..300).map(Duration::from_micros) {
        let mut client = Client::connect(BEHAVE.address())?;
        client.send("POST /data/here HTTP/1.1\r\nContent-Length: 1\r\n\r\n1")?;
        let sent = Instant::now();
        while sent.elapsed() < wait {}
        // It may be closed already.
        let _ = client.send("\r\n");
        let answer = Answer::parse(&client.read_to_close()?)?;
        assert_eq!(answer.text(), "here");
    }
    Ok(())
}

#[test]
fn a_client_that_never_stops_is_given_up() -> Result<()> {
    let timeouts = Timeouts { drain: Duration::from_millis(200), ..Timeouts::default() };
    let nothing = |_: &Request<'_>, _: &mut Response| {};
    let host = Host::serve(HttpServer::new(nothing).timeouts(timeouts))?;
    let mut client = Client::connect(host.address())?;
    client.send("POST / HTTP/1.0\r\nContent-Length: x\r\n\r\n")?;
    assert_eq!(client.answer()?.status, 400);
    eventually("the connection is closed", || host.connections() == 0)
}
