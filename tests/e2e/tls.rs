//! HTTP over TLS.

mod certificates; // those that can be served and those that cannot, and new ones
mod handshakes; // slow, broken and given up
pub mod peer;
mod programs; // what others' clients say

use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use picohttp_host::{HttpServer, KeepAlive, Request, Response};
use picohttp_tests::host::{Host, eventually};
use rustls::HandshakeKind;

use peer::{Client, Identity, VERSIONS};

/// More than the buffers of a socket take.
const LARGE: usize = 5 << 20;

/// Answers with the path and the body, and `/large` with a lot.
fn server(identity: &Identity) -> Result<HttpServer> {
    let server = HttpServer::new(|request: &Request<'_>, response: &mut Response| {
        let mut data = request.path.join("/").into_bytes();
        data.extend_from_slice(request.data.unwrap_or_default());
        response.data = Some(if data == b"large" { pattern() } else { data });
    });
    Ok(server.tls(identity.tls()?))
}

/// Many bytes, of which no two pieces are alike.
fn pattern() -> Vec<u8> {
    (0..LARGE as u32 / 4)
        .flat_map(|number| number.wrapping_mul(0x9e37_79b9).to_ne_bytes())
        .collect()
}

fn host(identity: &Identity) -> Result<Host> {
    Host::serve(server(identity)?.keep_alive(KeepAlive::default()))
}

#[test]
fn a_request_is_answered_and_the_session_ended_in_both_versions() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    for version in VERSIONS {
        let mut client = Client::connect(host.address(), &Arc::new(identity.trusted(version)?))?;
        client.send("GET /hello HTTP/1.0\r\n\r\n")?;
        assert_eq!(client.answer()?.text(), "hello", "{version:?}");
    }
    eventually("all are closed", || host.connections() == 0)
}

#[test]
fn only_http_1_is_spoken() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    let connect = |protocols: &[&str]| {
        let mut config = identity.trusted(VERSIONS[1])?;
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Client::connect(host.address(), &Arc::new(config))
    };
    let client = connect(&["h2", "http/1.1"])?;
    assert_eq!(client.0.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(connect(&["h2"]).is_err());
    Ok(())
}

#[test]
fn a_client_that_comes_again_resumes_its_session() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    for version in VERSIONS {
        let config = Arc::new(identity.trusted(version)?);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = Client::connect(host.address(), &config)?;
            client.send("GET / HTTP/1.0\r\n\r\n")?;
            assert_eq!(client.answer()?.status, 200);
            assert_eq!(client.0.conn.handshake_kind(), Some(kind), "{version:?}");
        }
    }
    Ok(())
}

#[test]
fn pipelined_requests_are_answered_in_order() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    let mut client = identity.connect(host.address())?;
    let requests = (0..500).map(|number| format!("GET /{number} HTTP/1.1\r\n\r\n"));
    client.send(requests.collect::<String>())?;
    for number in 0..500 {
        assert_eq!(client.next_answer()?.text(), number.to_string());
    }
    Ok(())
}

#[test]
fn a_request_that_is_cut_anywhere_gives_the_same_answer() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    let mut client = identity.connect(host.address())?;
    let request = "POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nbc";
    for cut in 1..request.len() {
        let (first, rest) = request.split_at(cut);
        client.send(first)?;
        client.send(rest)?;
        assert_eq!(client.next_answer()?.text(), "abc", "{cut}");
    }
    Ok(())
}

#[test]
fn large_bodies_pass_both_ways() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    let body = pattern();
    for version in VERSIONS {
        let mut client = Client::connect(host.address(), &Arc::new(identity.trusted(version)?))?;
        for _ in 0..2 {
            client.send(format!("POST / HTTP/1.1\r\nContent-Length: {LARGE}\r\n\r\n"))?;
            client.send(&body)?;
            assert!(client.next_answer()?.body == body, "{version:?}");
        }
    }
    Ok(())
}

#[test]
fn a_client_that_waits_is_told_to_continue() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    let mut client = identity.connect(host.address())?;
    client.send("POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")?;
    assert!(client.read(25)?.ends_with(b"100 Continue\r\n\r\n"));
    client.send("b")?;
    assert_eq!(client.next_answer()?.text(), "ab");
    Ok(())
}

#[test]
fn a_client_that_has_said_all_is_answered_whole() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    for closes_socket in [false, true] {
        let mut client = identity.connect(host.address())?;
        client.send("GET /large HTTP/1.0\r\n\r\n")?;
        client.finish()?;
        if closes_socket {
            client.0.sock.shutdown(Shutdown::Write)?;
        }
        assert!(client.answer()?.body == pattern());
    }
    Ok(())
}

#[test]
fn a_client_that_is_still_sending_reads_its_refusal() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    let mut client = identity.connect(host.address())?;
    client.send("POST / HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n")?;
    client.send(pattern())?;
    assert_eq!(client.answer()?.status, 413);
    Ok(())
}

#[test]
fn an_idle_session_is_ended_before_it_is_closed() -> Result<()> {
    let identity = Identity::new()?;
    let keep_alive = KeepAlive { idle: Duration::from_millis(100), ..KeepAlive::default() };
    let host = Host::serve(server(&identity)?.keep_alive(keep_alive))?;
    let mut client = identity.connect(host.address())?;
    client.send("GET /a HTTP/1.1\r\n\r\n")?;
    assert_eq!(client.next_answer()?.text(), "a");
    assert_eq!(client.read_all()?, b"");
    Ok(())
}

#[test]
fn a_client_that_closes_without_a_word_is_gone() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    let mut client = identity.connect(host.address())?;
    client.send("GET /a HTTP/1.1\r\n\r\n")?;
    assert_eq!(client.next_answer()?.text(), "a");
    drop(client);
    eventually("it is closed", || host.connections() == 0)
}
