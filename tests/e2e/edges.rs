//! What comes on a persistent connection is told once, when it is new: none of it is missed.

use std::net::Shutdown;
use std::time::Duration;

use anyhow::Result;
use picohttp_host::{HttpServer, KeepAlive};
use picohttp_tests::client::Client;
use picohttp_tests::gate::Gate;
use picohttp_tests::host::{Host, eventually};

use crate::keep_alive::{answer, host};

/// A server with idle connections for an hour, and a handler that is told when to answer.
fn patient() -> Result<(Gate, Host)> {
    let (gate, handler) = Gate::new();
    let hour = Duration::from_secs(3600);
    let keep_alive = KeepAlive { idle: hour, ..KeepAlive::default() };
    Ok((gate, Host::serve(HttpServer::new(handler).keep_alive(keep_alive))?))
}

#[test]
fn what_comes_while_a_handler_runs_is_not_missed() -> Result<()> {
    let (gate, host) = patient()?;
    let mut client = Client::connect(host.address())?;
    // The connection has waited once, and is known to the poller.
    for round in 0..20 {
        client.send(format!("GET /{round} HTTP/1.1\r\n\r\n"))?;
        assert_eq!(gate.next()?, round.to_string());
        client.send("GET /next HTTP/1.1\r\n\r\n")?;
        gate.let_go(2)?;
        assert_eq!(gate.next()?, "next");
        for _ in 0..2 {
            assert_eq!(answer(&mut client)?.status, 200);
        }
    }
    Ok(())
}

#[test]
fn an_end_that_comes_while_a_handler_runs_is_not_missed() -> Result<()> {
    let (gate, host) = patient()?;
    for begin in ["", "GET /before HTTP/1.1\r\n\r\n"] {
        let mut client = Client::connect(host.address())?;
        if !begin.is_empty() {
            client.send(begin)?;
            assert_eq!(gate.next()?, "before");
            gate.let_go(1)?;
            assert_eq!(answer(&mut client)?.status, 200);
        }
        client.send("GET /last HTTP/1.1\r\n\r\n")?;
        assert_eq!(gate.next()?, "last");
        client.0.shutdown(Shutdown::Write)?;
        gate.let_go(1)?;
        assert_eq!(answer(&mut client)?.status, 200);
        eventually("the connection is closed", || host.connections() == 0)?;
    }
    Ok(())
}

#[test]
fn an_end_that_comes_with_a_request_is_not_missed() -> Result<()> {
    let (gate, host) = patient()?;
    let mut client = Client::connect(host.address())?;
    for _ in 0..2 {
        client.send("GET /first HTTP/1.1\r\n\r\n")?;
        gate.let_go(1)?;
        assert_eq!(answer(&mut client)?.status, 200);
        gate.next()?;
    }
    client.send("GET /last HTTP/1.1\r\n\r\n")?;
    client.0.shutdown(Shutdown::Write)?;
    gate.let_go(1)?;
    assert_eq!(answer(&mut client)?.status, 200);
    eventually("the connection is closed", || host.connections() == 0)
}

#[test]
fn a_read_that_fills_all_room_misses_nothing() -> Result<()> {
    let host = host()?;
    let mut client = Client::connect(host.address())?;
    client.send("GET / HTTP/1.1\r\n\r\n")?;
    assert_eq!(answer(&mut client)?.status, 200);
    // At once, of lengths around what is read at once.
    for length in (4060..4120).chain(8170..8210) {
        let target = format!("/{}", "a".repeat(length));
        let request = format!("GET {target} HTTP/1.1\r\n\r\n");
        client.send(request.repeat(3))?;
        for _ in 0..3 {
            assert_eq!(answer(&mut client)?.text().len(), length, "{length}");
        }
    }
    Ok(())
}
