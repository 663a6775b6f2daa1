//! Where a request ends and where an answer ends, however the bytes arrive, and what is
//! said when that is in doubt.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use picohttp_host::http1::Limits;
use picohttp_host::{HttpServer, Request, Response};
use picohttp_tests::client::{Answer, Client};
use picohttp_tests::host::Host;
use picohttp_tests::shared::{BEHAVE, answer, seen};
use serde_json::json;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A POST in HTTP/1.1 with these header lines, then whatever follows the head.
fn post(headers: &str, rest: &str) -> String {
    format!("POST /seen HTTP/1.1\r\n{headers}\r\n\r\n{rest}")
}

fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked", body)
}

/// The status of the answer to each request, all of which should have the same.
fn check_statuses(requests: &[String], expected: u16) -> Result<()> {
    for request in requests {
        let answer = BEHAVE.exchange(request).with_context(|| format!("{request:?}"))?;
        assert_eq!(answer.status, expected, "{request:?} was answered {:?}", answer.text());
    }
    Ok(())
}

#[test]
fn an_answer_to_head_is_its_head_alone() -> Result<()> {
    for target in ["/data/hello", "/raise/oops", "/status/100", "/header//malformed"] {
        let [get, head] = ["GET", "HEAD"]
            .map(|method| BEHAVE.exchange(format!("{method} {target} HTTP/1.0\r\n\r\n")));
        let (get, head) = (get?, head?);
        assert_eq!(head, Answer { body: Vec::new(), ..get }, "{target}");
    }
    Ok(())
}

#[test]
fn a_refusal_of_head_is_its_head_alone() -> Result<()> {
    for (line, status) in
        [("Content-Length: 99999999", 413), ("Content-Length: x", 400), (": x", 400)]
    {
        let answer = BEHAVE.exchange(format!("HEAD / HTTP/1.1\r\n{line}\r\n\r\n"))?;
        assert_eq!((answer.status, answer.text()), (status, ""));
    }
    Ok(())
}

#[test]
fn statuses_204_and_304_have_neither_a_body_nor_a_length() -> Result<()> {
    for status in [204, 304] {
        let answer = answer(&json!({"status": status, "data": "data"}))?;
        assert_eq!((answer.status, answer.text()), (status, ""));
        assert_eq!(answer.header("Content-Length"), None);
    }
    Ok(())
}

#[test]
fn status_205_has_no_body() -> Result<()> {
    let answer = answer(&json!({"status": 205, "data": "data"}))?;
    assert_eq!((answer.status, answer.text()), (205, ""));
    assert_eq!(answer.header("Content-Length"), Some("0"));
    Ok(())
}

#[test]
fn a_client_that_waits_is_told_to_continue() -> Result<()> {
    for (framing, body) in
        [("Content-Length: 5", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")]
    {
        let mut client = Client::connect(BEHAVE.address())?;
        client.send(post(&format!("expect: 100-Continue\r\n{framing}"), ""))?;
        assert_eq!(client.read(CONTINUE.len())?, CONTINUE);
        client.send(body)?;
        let seen: serde_json::Value = serde_json::from_slice(&client.answer()?.body)?;
        assert_eq!(seen["data"], "hello");
    }
    Ok(())
}

#[test]
fn a_client_that_does_not_wait_is_not_told_to_continue() -> Result<()> {
    let expect = "Expect: 100-continue\r\nContent-Length:";
    check_statuses(
        &[
            post(&format!("{expect} 5"), "hello"),
            post(&format!("{expect} 0"), ""),
            post("Expect: 100-continue", ""),
            post("Expect: tea\r\nContent-Length: 5", "hello"),
        ],
        200,
    )
}

#[test]
fn an_http_1_0_client_is_not_told_to_continue() -> Result<()> {
    let mut client = Client::connect(BEHAVE.address())?;
    client.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")?;
    client.send("hello")?;
    assert_eq!(client.answer()?.status, 200);
    Ok(())
}

#[test]
fn a_client_that_waits_with_too_much_is_refused_at_once() -> Result<()> {
    check_statuses(&[post("Expect: 100-continue\r\nContent-Length: 99999999", "")], 413)
}

#[test]
fn a_chunked_body_is_decoded() -> Result<()> {
    for (body, data) in [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n00006\r\n world\r\n000\r\n\r\n", "hello world"),
        ("A;name=value;flag\r\n0123456789\r\n0;last\r\n\r\n", "0123456789"),
        ("5 \r\nhello\r\n0\r\nTrailer: 1\r\nContent-Length: 99\r\n\r\n", "hello"),
        ("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n"),
    ] {
        assert_eq!(seen(chunked(body))?["data"], data, "{body:?}");
    }
    Ok(())
}

#[test]
fn a_doubtful_chunk_is_refused() -> Result<()> {
    let bodies = [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-1\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "5,5\r\nhello\r\n0\r\n\r\n",
        "00000000000000005\r\nhello\r\n0\r\n\r\n",
    ];
    check_statuses(&bodies.map(chunked), 400)
}

#[test]
fn a_body_with_two_ends_is_refused() -> Result<()> {
    let body = "5\r\nhello\r\n0\r\n\r\n";
    check_statuses(
        &[
            post("Transfer-Encoding: chunked\r\nContent-Length: 5", body),
            post("Content-Length: 15\r\ntransfer-encoding: CHUNKED", body),
            post("Transfer-Encoding: gzip\r\nContent-Length: 5", body),
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", body),
            chunked(body).replace("HTTP/1.1", "HTTP/1.0"),
        ],
        400,
    )
}

#[test]
fn a_transfer_coding_other_than_chunked_is_not_implemented() -> Result<()> {
    let codings = ["gzip", "gzip, chunked", "gzip, br", "identity", "xchunked", ""];
    check_statuses(&codings.map(|coding| post(&format!("Transfer-Encoding: {coding}"), "")), 501)
}

#[test]
fn chunks_that_are_not_the_last_coding_are_refused() -> Result<()> {
    let codings = ["chunked, chunked", "chunked, gzip", "chunked, identity", "chunked,"];
    check_statuses(&codings.map(|coding| post(&format!("Transfer-Encoding: {coding}"), "")), 400)
}

#[test]
fn a_doubtful_length_is_refused() -> Result<()> {
    let lengths = [
        "+5",
        "-5",
        "0x5",
        "5.0",
        "5e0",
        "1_0",
        "5 5",
        "5, 5",
        "5;",
        "\"5\"",
        "٥",
        "",
        "5\r\nContent-Length: 6",
        "5\r\nCONTENT-LENGTH: 3",
        "5\r\nA: b\r\ncontent-length: 05x",
    ];
    check_statuses(&lengths.map(|length| post(&format!("Content-Length: {length}"), "hello")), 400)
}

#[test]
fn a_length_may_be_said_twice() -> Result<()> {
    let twice = post("Content-Length: 5\r\ncontent-length:\t005 ", "hello");
    assert_eq!(seen(twice)?["data"], "hello");
    Ok(())
}

#[test]
fn a_client_may_end_its_half_before_it_is_answered() -> Result<()> {
    for request in ["GET /a HTTP/1.0\r\n\r\n".to_owned(), post("Content-Length: 5", "hello")] {
        let mut client = Client::connect(BEHAVE.address())?;
        client.send(request)?;
        client.finish()?;
        assert_eq!(client.answer()?.status, 200);
    }
    Ok(())
}

#[test]
fn a_request_is_the_same_however_it_is_split() -> Result<()> {
    let headers = "Host: a\r\nTransfer-Encoding: chunked";
    for request in [
        post("Host: a\r\nContent-Length: 5", "hello"),
        post(headers, "2;x\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n"),
        format!("\r\n\r\n{}", post("A: b", "")).replace("\r\n", "\n"),
    ] {
        let whole = BEHAVE.exchange(&request)?;
        assert_eq!(whole.status, 200);
        for split in 1..request.len() {
            let (first, second) = request.split_at(split);
            let mut client = Client::connect(BEHAVE.address())?;
            client.send(first)?;
            client.send(second)?;
            assert_eq!(client.answer()?, whole, "split after {first:?}");
        }
        let mut client = Client::connect(BEHAVE.address())?;
        request.bytes().try_for_each(|byte| client.send([byte]))?;
        assert_eq!(client.answer()?, whole, "byte by byte");
    }
    Ok(())
}

#[test]
fn a_request_behind_the_first_is_not_handled() -> Result<()> {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let count = move |_: &Request<'_>, _: &mut Response| {
        counted.fetch_add(1, Ordering::SeqCst);
    };
    let host = Host::serve(HttpServer::new(count))?;
    let get = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n";
    for first in [get, &post("Content-Length: 2", "hi"), &chunked("2\r\nhi\r\n0\r\n\r\n")] {
        // `exchange` checks that one answer is all that comes.
        assert_eq!(host.exchange(format!("{first}{get}{get}"))?.status, 200);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    Ok(())
}

#[test]
fn limits_are_exact() -> Result<()> {
    let limits = Limits { head_bytes: 256, headers: 4, target_parts: 9, body_bytes: 100 };
    let nothing = |_: &Request<'_>, _: &mut Response| {};
    let host = Host::serve(HttpServer::new(nothing).limits(limits))?;
    let status = |request: String| host.exchange(request).map(|answer| answer.status);

    let head = |length: usize| format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(length - 23));
    assert_eq!(head(256).len(), 256);
    assert_eq!(status(head(256))?, 200);
    assert_eq!(status(head(257))?, 431);
    let target = |length: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(length - 18));
    assert_eq!(target(256).len(), 256);
    assert_eq!(status(target(256))?, 200);
    assert_eq!(status(target(300))?, 414);
    assert_eq!(status(post("A: b\r\nA: b\r\nA: b\r\nA: b", ""))?, 200);
    assert_eq!(status(post("A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b", ""))?, 431);

    let body = |length: usize| post(&format!("Content-Length: {length}"), &"a".repeat(length));
    assert_eq!(status(body(100))?, 200);
    assert_eq!(status(body(101))?, 413);
    let body =
        |length: usize| chunked(&format!("{:x}\r\n{}\r\n0\r\n\r\n", length, "a".repeat(length)));
    assert_eq!(status(body(100))?, 200);
    assert_eq!(status(body(101))?, 413);
    Ok(())
}

#[test]
fn there_may_be_1000_headers_and_no_more() -> Result<()> {
    let headers = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
    check_statuses(&[headers(1000)], 200)?;
    check_statuses(&[headers(1001)], 431)
}
