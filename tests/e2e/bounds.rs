//! What all clients may take together.

use std::io::Read;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use picohttp_host::{HttpServer, KeepAlive, Request, Response, Route, Tenant, Timeouts};
use picohttp_tests::client::Client;
use picohttp_tests::host::{Host, eventually};

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello world!".to_vec());
}

#[test]
fn connections_over_the_limit_are_closed_as_they_come() -> Result<()> {
    let host = Host::serve(HttpServer::new(hello).max_connections(2))?;
    let clients = (0..2).map(|_| Client::connect(host.address())).collect::<Result<Vec<_>>>()?;
    eventually("both are open", || host.connections() == 2)?;
    assert_eq!(Client::connect(host.address())?.read_to_close()?, b"");
    drop(clients);
    eventually("there is room again", || host.get("/world").is_ok())
}

#[test]
fn errors_that_nobody_reads_are_held_within_the_same_bound() -> Result<()> {
    const ERROR: usize = 4 << 20;
    let fail = |_: &Request<'_>, _: &mut Response| Err("x".repeat(ERROR));
    let host = Host::serve(HttpServer::new(fail).max_buffered(2 * ERROR + ERROR / 2))?;
    let mut clients = Vec::new();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(host.address())?;
        client.send("GET / HTTP/1.0\r\n\r\n")?;
        statuses.push(String::from_utf8(client.read("HTTP/1.0 500".len())?)?);
        clients.push(client);
    }
    assert_eq!(statuses, ["HTTP/1.0 500", "HTTP/1.0 500", "HTTP/1.0 503"]);
    Ok(())
}

#[test]
fn bodies_over_what_all_may_hold_together_are_refused() -> Result<()> {
    let host = Host::serve(HttpServer::new(hello).max_buffered(1 << 20))?;
    let post = |length: usize| {
        let head = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        host.exchange(head + &"a".repeat(length))
    };
    let refused = post(2 << 20)?;
    assert_eq!((refused.status, refused.header("Retry-After")), (503, Some("1")));
    // What it held is given back.
    assert_eq!(post(512 << 10)?.status, 200);
    Ok(())
}

#[test]
fn what_comes_behind_another_request_counts_too() -> Result<()> {
    const BODY: usize = 200 << 10;
    let timeouts = Timeouts { body: Duration::from_secs(1000), ..Timeouts::default() };
    let server = HttpServer::new(hello).max_buffered(5 * BODY).timeouts(timeouts);
    let host = Host::serve(server.keep_alive(KeepAlive::default()))?;
    let body = "a".repeat(BODY);
    let first = format!("POST / HTTP/1.1\r\nContent-Length: {BODY}\r\n\r\n{body}");
    let second = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", BODY + 1);
    let mut clients = Vec::new();
    for _ in 0..6 {
        let mut client = Client::connect(host.address())?;
        client.send([&*first, &second].concat())?;
        client.0.set_nonblocking(true)?;
        clients.push((client, Vec::new()));
    }
    eventually("one is told that there is no room", || {
        clients.iter_mut().any(|(client, said)| {
            // It fails in the end, as there is nothing more for now.
            let _ = client.0.read_to_end(said);
            let said = String::from_utf8_lossy(said);
            ["HTTP/1.1 503", "HTTP/1.0 503", "HTTP/1.0 408"].iter().any(|it| said.contains(it))
        })
    })
}

#[test]
fn who_stalls_with_much_where_there_is_little_room_is_told_so_soon() -> Result<()> {
    let timeouts = Timeouts { body: Duration::from_secs(1000), ..Timeouts::default() };
    let host = Host::serve(HttpServer::new(hello).max_buffered(1 << 20).timeouts(timeouts))?;
    let stall = |bytes: usize| -> Result<Client> {
        let mut client = Client::connect(host.address())?;
        let head = "POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n".to_owned();
        client.send(head + &"a".repeat(bytes))?;
        Ok(client)
    };
    let mut few = stall(1 << 10)?;
    let mut many = stall(600 << 10)?;
    assert_eq!(many.answer()?.status, 408);
    few.send("a".repeat(1_000_000 - (1 << 10)))?;
    assert_eq!(few.answer()?.status, 200);
    Ok(())
}

#[test]
fn heads_leave_room_for_tenants() -> Result<()> {
    const HEAD: usize = 60 << 10;
    let timeouts = Timeouts { head: Duration::from_secs(1000), ..Timeouts::default() };
    let host = Host::serve(HttpServer::new(hello).max_buffered(20 * HEAD).timeouts(timeouts))?;
    let mut clients = Vec::new();
    for _ in 0..30 {
        let mut client = Client::connect(host.address())?;
        client.send(format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(HEAD)))?;
        client.0.set_nonblocking(true)?;
        clients.push((client, Vec::new()));
    }
    eventually("those over the half are told", || {
        let told = clients.iter_mut().filter_map(|(client, said)| {
            // It fails in the end, as there is nothing more for now.
            let _ = client.0.read_to_end(said);
            String::from_utf8_lossy(said).starts_with("HTTP/1.0 503").then_some(())
        });
        told.count() >= 15
    })?;
    let body = "a".repeat(5 * HEAD);
    let head = format!("POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n", body.len());
    assert_eq!(host.exchange(head + &body)?.status, 200);
    Ok(())
}

#[test]
fn who_sends_slowly_and_goes_on_has_its_time() -> Result<()> {
    const PIECE: usize = 600 << 10;
    let host = Host::serve(HttpServer::new(hello).max_buffered(1 << 20))?;
    let mut client = Client::connect(host.address())?;
    client.send(format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", PIECE + 8))?;
    client.send("a".repeat(PIECE))?;
    for _ in 0..8 {
        thread::sleep(Duration::from_millis(500));
        client.send("a")?;
    }
    assert_eq!(client.answer()?.status, 200);
    Ok(())
}

#[test]
fn a_tenant_whose_clients_do_not_read_leaves_room_for_others() -> Result<()> {
    const ANSWER: usize = 16 << 20;
    let large = |_: &Request<'_>, response: &mut Response| {
        response.data = Some(vec![b'a'; ANSWER]);
    };
    let slow = Tenant::new("slow").hosts(["slow"]).route(Route::new("/...", large));
    let other = Tenant::new("other").hosts(["other"]).route(Route::new("/...", hello));
    let server = HttpServer::of_tenants([slow, other]).max_buffered(5 * ANSWER);
    let host = Host::serve(server)?;
    let mut clients = Vec::new();
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect(host.address())?;
        client.send("GET / HTTP/1.0\r\nHost: slow\r\n\r\n")?;
        statuses.push(String::from_utf8(client.read("HTTP/1.0 200".len())?)?);
        clients.push(client);
    }
    // Two leave others more than they take; three would not.
    assert_eq!(statuses, ["HTTP/1.0 200", "HTTP/1.0 200", "HTTP/1.0 503", "HTTP/1.0 503"]);
    let body = "a".repeat(1 << 20);
    let head = format!("POST / HTTP/1.0\r\nHost: other\r\nContent-Length: {}\r\n\r\n", body.len());
    assert_eq!(host.exchange(head + &body)?.status, 200);
    drop(clients);
    eventually("all is given back", || host.connections() == 0)?;
    assert_eq!(host.exchange("GET / HTTP/1.0\r\nHost: slow\r\n\r\n")?.body.len(), ANSWER);
    Ok(())
}
