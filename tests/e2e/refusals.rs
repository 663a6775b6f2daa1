//! Clients that are refused, and try again at once.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use picohttp_host::config::{AccessLog, LogFormat, LogTarget};
use picohttp_host::{HttpServer, KeepAlive, Quota, Rate, Request, Response, Route, Tenant};
use picohttp_tests::client::Client;
use picohttp_tests::host::Host;

use crate::keep_alive::answer;

const LIMITED: &str = "GET /limited HTTP/1.1\r\n\r\n";
const FREE: &str = "GET /free HTTP/1.1\r\n\r\n";
const NOWHERE: &str = "GET /nowhere HTTP/1.1\r\n\r\n";

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello".into());
}

/// A server with a route that answers once in an hour, and another.
fn server() -> HttpServer {
    let rate = Some(Rate { per_second: 1.0 / 3600.0, burst: 1 });
    let limited = Route::new("/limited", hello).quota(Quota { rate, ..Quota::default() });
    let tenant = Tenant::new("a").route(limited).route(Route::new("/free", hello));
    let keep_alive = KeepAlive { max_requests: u32::MAX, ..KeepAlive::default() };
    HttpServer::of_tenants([tenant]).keep_alive(keep_alive)
}

/// The same when that has answered.
fn host() -> Result<Host> {
    let host = Host::serve(server())?;
    assert_eq!(host.get("/limited")?.status, 200);
    Ok(host)
}

#[test]
fn what_there_is_room_for_is_answered_in_turn_with_what_is_refused() -> Result<()> {
    let host = host()?;
    let mut client = Client::connect(host.address())?;
    // More than are refused at once, so that the last of them wait.
    let refused = 1000;
    client.send(LIMITED.repeat(refused) + FREE)?;
    for _ in 0..refused {
        assert_eq!(answer(&mut client)?.status, 503);
    }
    assert_eq!(answer(&mut client)?.status, 200);
    Ok(())
}

#[test]
fn those_who_try_again_at_once_do_not_take_all_there_is() -> Result<()> {
    const REFUSED: usize = 6000;
    let host = host()?;
    for (request, status) in [(LIMITED, 503), (NOWHERE, 404)] {
        let began = Instant::now();
        let mut client = Client::connect(host.address())?;
        let mut sending = Client(client.0.try_clone()?);
        let sent = thread::spawn(move || sending.send(request.repeat(REFUSED)));
        for _ in 0..REFUSED {
            assert_eq!(answer(&mut client)?.status, status);
        }
        sent.join().expect("a panic")?;
        // Some dozens at once, and no more than some thousands a second.
        assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
    }
    Ok(())
}

#[test]
fn who_waits_to_be_refused_is_told_when_the_server_ends() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log");
    let target = LogTarget::File(log.clone());
    let format = LogFormat::Text;
    let host = Host::serve(server().access_log(AccessLog { target, format }))?;
    assert_eq!(host.get("/limited")?.status, 200);
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = Client::connect(host.address())?;
        client.send(LIMITED.repeat(100))?;
        clients.push(client);
    }
    for client in &mut clients {
        assert_eq!(answer(client)?.status, 503);
    }
    host.stop(Duration::ZERO);
    let mut told = clients.len();
    for client in &mut clients {
        while let Ok(answer) = answer(client) {
            assert_eq!(answer.status, 503);
            told += 1;
        }
    }
    // At least those that are in the log, but for the first that was answered. The log ends with the
    // server, and a thread that tells a client last may come too late.
    let logged = fs::read_to_string(log)?.lines().count() - 1;
    assert!(told >= logged, "{told} of {logged}");
    Ok(())
}
