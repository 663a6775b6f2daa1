//! One listening socket, and several servers that accept from it.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use picohttp_host::{HttpServer, Request, Response, Route, RunningServer, StartError, Tenant};
use picohttp_tests::client::{Client, PATIENCE, get};
use picohttp_tests::gate::{Gate, ask};
use picohttp_tests::host::eventually;

fn says(text: &'static str, listener: TcpListener) -> Result<RunningServer> {
    let handler = move |_: &Request<'_>, response: &mut Response| {
        response.data = Some(text.into());
    };
    Ok(HttpServer::new(handler).socket(listener).start()?)
}

#[test]
fn a_server_that_stops_leaves_clients_to_whoever_else_has_its_socket() -> Result<()> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    let first = says("first", socket.try_clone()?)?;
    assert_eq!(first.address(), address);
    assert_eq!(get(address, "/")?.text(), "first");
    assert_eq!(first.stop(PATIENCE), 0);
    let mut early = ask(address, "/")?;
    let second = says("second", socket)?;
    assert_eq!(early.answer()?.text(), "second");
    second.stop(PATIENCE);
    Ok(())
}

#[test]
fn a_server_that_leaves_finishes_what_it_has_and_takes_nothing_more() -> Result<()> {
    let (gate, handler) = Gate::new();
    let tenant = Tenant::new("old")
        .route(Route::new("/running", handler))
        .route(Route::new("/...", |_: &Request<'_>, _: &mut Response| {}));
    let old = HttpServer::of_tenants([tenant]).port(0).start()?;
    let address = old.address();
    let mut running = ask(address, "/running")?;
    gate.next()?;
    let new = says("new", old.listener()?)?;
    let leaving = thread::spawn(move || old.leave(PATIENCE));
    let is_new = |_| get(address, "/").is_ok_and(|answer| answer.text() == "new");
    eventually("the old one takes nothing more", || (0..50).all(is_new))?;
    gate.let_go(1)?;
    assert_eq!(running.answer()?.status, 200);
    assert_eq!(leaving.join().expect("no panic"), 0);
    new.stop(PATIENCE);
    Ok(())
}

#[test]
fn no_client_is_lost_between_one_server_and_the_next() -> Result<()> {
    let mut serving = HttpServer::new(|_: &Request<'_>, _: &mut Response| {}).port(0).start()?;
    let address = serving.address();
    let stop = AtomicBool::new(false);
    let client = || -> Result<()> {
        while !stop.load(Ordering::Relaxed) {
            ensure!(get(address, "/")?.status == 200);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let clients = [(); 4].map(|()| scope.spawn(client));
        let changed = (0..50).try_for_each(|_| {
            let next = says("next", serving.listener()?)?;
            let cut = std::mem::replace(&mut serving, next).leave(PATIENCE);
            ensure!(cut == 0, "{cut} are cut off");
            Ok(())
        });
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().expect("a client panicked")?;
        }
        changed
    })?;
    serving.stop(PATIENCE);
    Ok(())
}

#[test]
fn a_server_that_leaves_waits_no_longer_than_it_may() -> Result<()> {
    let (gate, handler) = Gate::new();
    let server = HttpServer::new(handler).port(0).start()?;
    let _running = ask(server.address(), "/")?;
    gate.next()?;
    let _socket = server.listener()?;
    assert_eq!(server.leave(Duration::from_millis(50)), 1);
    gate.let_go(1)
}

#[test]
fn a_socket_that_does_not_listen_is_refused() -> Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    let handler = |_: &Request<'_>, _: &mut Response| {};
    let server = HttpServer::new(handler).socket(TcpListener::from(socket));
    let Err(StartError::Listen(error)) = server.start() else { panic!("it is served") };
    ensure!(error.to_string() == "the socket does not listen", "{error}");
    Ok(())
}

#[test]
fn a_socket_that_blocks_is_served_all_the_same() -> Result<()> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    socket.set_nonblocking(false)?;
    let server = says("served", socket)?;
    let mut idle = Client::connect(server.address())?;
    assert_eq!(get(server.address(), "/")?.text(), "served");
    idle.send("GET / HTTP/1.0\r\n\r\n")?;
    assert_eq!(idle.answer()?.text(), "served");
    server.stop(PATIENCE);
    Ok(())
}
