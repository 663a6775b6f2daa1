//! Clients that take long to begin a session, or never do.

use std::fs;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use anyhow::Result;
use picohttp_host::Timeouts;
use picohttp_tests::alone::alone;
use picohttp_tests::client::{Client, PATIENCE};
use picohttp_tests::host::{Host, eventually};
use rustix::net::{SendFlags, send};
use socket2::SockRef;

use super::peer::{Identity, client_hello};
use super::{host, server};

#[test]
fn slow_handshakes_cost_no_thread_and_are_shed_at_the_deadline() -> Result<()> {
    alone("tls::handshakes::slow_handshakes_cost_no_thread_and_are_shed_at_the_deadline", || {
        let identity = Identity::new()?;
        let head = Duration::from_secs(5);
        let timeouts = Timeouts { head, ..Timeouts::default() };
        let host = Host::serve(server(&identity)?.threads(false).timeouts(timeouts))?;
        let threads = || fs::read_dir("/proc/self/task").map(Iterator::count);
        assert_eq!(identity.get(host.address(), "/healthy")?.text(), "healthy");
        let before = threads()?;

        let began = Instant::now();
        let mut slow =
            (0..500).map(|_| Client::connect(host.address())).collect::<Result<Vec<_>>>()?;
        eventually("all are accepted", || host.connections() == 500)?;
        for byte in client_hello()?.chunks(1) {
            // Whom the host has closed the door on cannot send.
            slow.iter_mut().for_each(|client| drop(client.send(byte)));
            assert_eq!(identity.get(host.address(), "/healthy")?.text(), "healthy");
            assert_eq!(threads()?, before);
            if began.elapsed() > head * 2 {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eventually("all are shed", || host.connections() == 0)?;
        assert!(began.elapsed() >= head);
        Ok(())
    })
}

#[test]
fn a_handshake_that_comes_byte_by_byte_is_one() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    let mut client = Client::connect(host.address())?;
    for byte in client_hello()?.chunks(1) {
        client.send(byte)?;
    }
    // A ServerHello, in a handshake record.
    assert_eq!(client.read(1)?, [22]);
    Ok(())
}

#[test]
fn a_client_that_left_before_its_handshake_has_none() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    let mut client = Client::connect(host.address())?;
    // In one packet with the end of what it sends.
    send(&client.0, &client_hello()?, SendFlags::MORE)?;
    client.0.shutdown(Shutdown::Write)?;
    assert_eq!(client.read_all()?, b"");
    Ok(())
}

#[test]
fn garbage_is_no_handshake() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    let mut hello = client_hello()?;
    hello.iter_mut().skip(9).step_by(7).for_each(|byte| *byte ^= 0x55);
    let record = [&[22, 3, 1, 0xff, 0xff][..], &[0; 200]].concat();
    for garbage in [&hello[..], &record, &[0; 4096], &[0xff; 4096], &[22, 3, 1, 0, 0], b"\r\n\r\n"]
    {
        let mut client = Client::connect(host.address())?;
        client.send(garbage)?;
        client.finish()?;
        // At most an alert comes back, and then the end or a reset.
        assert!(client.read_to_close()?.len() < 10, "{garbage:?}");
    }
    assert_eq!(identity.get(host.address(), "/healthy")?.text(), "healthy");
    eventually("all are closed", || host.connections() == 0)
}

#[test]
fn a_client_that_vanishes_leaves_nothing_behind() -> Result<()> {
    let identity = Identity::new()?;
    let timeouts = Timeouts { head: PATIENCE, ..Timeouts::default() };
    let host = Host::serve(server(&identity)?.timeouts(timeouts))?;
    let hello = client_hello()?;
    for resets in [false, true] {
        let ends = [0, 1, 5, hello.len() / 2, hello.len()];
        let clients = ends.into_iter().map(|end| {
            let mut client = Client::connect(host.address())?;
            if resets {
                SockRef::from(&client.0).set_linger(Some(Duration::ZERO))?;
            }
            client.send(&hello[..end])?;
            Ok(client)
        });
        let clients = clients.collect::<Result<Vec<_>>>()?;
        eventually("all are here", || host.connections() == ends.len())?;
        drop(clients);
        eventually("all are gone", || host.connections() == 0)?;
    }
    Ok(())
}

#[test]
fn plain_http_is_told_that_the_port_speaks_tls() -> Result<()> {
    let identity = Identity::new()?;
    let host = host(&identity)?;
    let upload =
        format!("POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n{}", "a".repeat(100_000));
    for request in ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "G", &upload] {
        let answer = host.exchange(request)?;
        assert_eq!((answer.status, answer.text()), (400, "this port speaks TLS: https://\n"));
    }
    assert_eq!(host.exchange("HEAD / HTTP/1.1\r\n\r\n")?.body, b"");
    Ok(())
}
