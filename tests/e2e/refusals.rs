//! Clients that are told to try again later, and try at once.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use picohttp_host::{HttpServer, KeepAlive, Quota, Rate, Request, Response, Route, Tenant};
use picohttp_tests::client::Client;
use picohttp_tests::host::Host;

use crate::keep_alive::answer;

const LIMITED: &str = "GET /limited HTTP/1.1\r\n\r\n";
const FREE: &str = "GET /free HTTP/1.1\r\n\r\n";

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello".into());
}

/// A server with a route that has answered all that it may this hour, and another.
fn host() -> Result<Host> {
    let rate = Some(Rate { per_second: 1.0 / 3600.0, burst: 1 });
    let limited = Route::new("/limited", hello).quota(Quota { rate, ..Quota::default() });
    let tenant = Tenant::new("a").route(limited).route(Route::new("/free", hello));
    let keep_alive = KeepAlive { max_requests: u32::MAX, ..KeepAlive::default() };
    let host = Host::serve(HttpServer::of_tenants([tenant]).keep_alive(keep_alive))?;
    assert_eq!(host.get("/limited")?.status, 200);
    Ok(host)
}

#[test]
fn what_there_is_room_for_is_answered_in_turn_with_what_is_refused() -> Result<()> {
    let host = host()?;
    let mut client = Client::connect(host.address())?;
    for _ in 0..3 {
        client.send([LIMITED, LIMITED, FREE].concat())?;
        for status in [503, 503, 200] {
            assert_eq!(answer(&mut client)?.status, status);
        }
    }
    Ok(())
}

#[test]
fn those_who_try_again_at_once_do_not_take_all_there_is() -> Result<()> {
    const REFUSED: usize = 6000;
    let host = host()?;
    let began = Instant::now();
    let mut client = Client::connect(host.address())?;
    let mut sending = Client(client.0.try_clone()?);
    let sent = thread::spawn(move || sending.send(LIMITED.repeat(REFUSED)));
    for _ in 0..REFUSED {
        assert_eq!(answer(&mut client)?.status, 503);
    }
    sent.join().expect("a panic")?;
    // Some hundreds at once, and 4000 a second.
    assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
    Ok(())
}

#[test]
fn who_waits_to_be_refused_is_told_when_the_server_ends() -> Result<()> {
    let host = host()?;
    let mut clients = (0..50)
        .map(|_| {
            let mut client = Client::connect(host.address())?;
            client.send(LIMITED.repeat(30))?;
            Ok(client)
        })
        .collect::<Result<Vec<_>>>()?;
    for client in &mut clients {
        assert_eq!(answer(client)?.status, 503);
    }
    host.stop(Duration::ZERO);
    let mut told = 0;
    for client in &mut clients {
        while let Ok(answer) = answer(client) {
            assert_eq!(answer.status, 503);
            told += 1;
        }
    }
    assert!(told >= clients.len(), "{told}");
    Ok(())
}
