//! Connections that persist over several requests.

use std::io;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use picohttp_host::{HttpServer, KeepAlive, Request, Response, Route, Tenant, Timeouts};
use picohttp_tests::client::{Answer, Client};
use picohttp_tests::host::{Host, eventually};

/// A server whose handler answers with the path and the body.
fn server() -> HttpServer {
    HttpServer::new(|request: &Request<'_>, response: &mut Response| {
        let path = request.path.join("/");
        match request.path[0] {
            "status" => response.status = 204,
            "protocol" => response.protocol = "FOO/9".to_owned(),
            _ => {}
        }
        let body = String::from_utf8_lossy(request.data.unwrap_or_default()).into_owned();
        response.data = Some((path + &body).into());
    })
}

pub fn host() -> Result<Host> {
    Host::serve(server().keep_alive(KeepAlive::default()))
}

/// Reads one answer of a known length and leaves the connection open.
pub fn answer(client: &mut Client) -> Result<Answer> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.extend(client.read(1)?);
    }
    let length = Answer::parse(&bytes)?.header("Content-Length").map_or(Ok(0), str::parse)?;
    bytes.extend(client.read(length)?);
    Answer::parse(&bytes)
}

#[test]
fn requests_follow_each_other_on_one_connection() -> Result<()> {
    let host = host()?;
    let mut client = Client::connect(host.address())?;
    for number in 0..20 {
        client.send(format!("GET /{number} HTTP/1.1\r\n\r\n"))?;
        let answer = answer(&mut client)?;
        assert_eq!((answer.status, answer.text()), (200, &*number.to_string()));
        assert_eq!(answer.protocol, "HTTP/1.1");
        assert_eq!(answer.header("Connection"), Some("keep-alive"));
    }
    Ok(())
}

#[test]
fn pipelined_requests_are_answered_in_order() -> Result<()> {
    let host = host()?;
    let mut client = Client::connect(host.address())?;
    let chunked = "POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n2\r\n0\r\n\r\n";
    let pipeline = "POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\n1".to_owned()
        + chunked
        + "GET /status HTTP/1.1\r\n\r\n\r\nGET /c HTTP/1.1\r\nConnection: close\r\n\r\n";
    client.send(pipeline)?;
    for expected in ["a1", "b2", "", "c"] {
        assert_eq!(answer(&mut client)?.text(), expected);
    }
    assert_eq!(client.read_all()?, b"");
    Ok(())
}

#[test]
fn a_pipeline_that_is_cut_anywhere_gives_the_same_answers() -> Result<()> {
    let host = host()?;
    let pipeline = "POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\n1GET /b HTTP/1.1\r\n\r\n";
    for cut in 1..pipeline.len() {
        let mut client = Client::connect(host.address())?;
        let (first, rest) = pipeline.split_at(cut);
        client.send(first)?;
        client.send(rest)?;
        assert_eq!(answer(&mut client)?.text(), "a1", "{cut}");
        assert_eq!(answer(&mut client)?.text(), "b", "{cut}");
    }
    Ok(())
}

#[test]
fn the_connection_closes_when_the_request_says_so() -> Result<()> {
    let host = host()?;
    for request in [
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET /\r\n\r\n",
    ] {
        let answer = host.exchange(request)?;
        assert_eq!(answer.header("Connection"), Some("close"), "{request:?}");
    }
    Ok(())
}

#[test]
fn the_connection_closes_when_the_handlers_protocol_does_not_persist() -> Result<()> {
    let answer = host()?.exchange("GET /protocol HTTP/1.1\r\n\r\n")?;
    assert_eq!(answer.protocol, "FOO/9");
    assert_eq!(answer.header("Connection"), Some("close"));
    Ok(())
}

#[test]
fn the_connection_closes_after_a_request_that_cannot_be_read() -> Result<()> {
    let host = host()?;
    let mut client = Client::connect(host.address())?;
    client
        .send("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n folded\r\n\r\nGET /c HTTP/1.1\r\n\r\n")?;
    assert_eq!(answer(&mut client)?.text(), "a");
    assert_eq!(client.answer()?.status, 400);
    Ok(())
}

#[test]
fn what_is_left_of_a_body_is_no_request() -> Result<()> {
    let host = host()?;
    let mut client = Client::connect(host.address())?;
    client.send("POST /a HTTP/1.1\r\nX-Length: 5\r\n\r\n4\r\nabcd\r\n0\r\n\r\n")?;
    assert_eq!(answer(&mut client)?.text(), "a");
    let rest = answer(&mut client)?;
    assert_eq!((rest.status, rest.header("Connection")), (400, Some("close")));
    Ok(())
}

#[test]
fn a_connection_has_no_more_requests_than_it_may() -> Result<()> {
    let keep_alive = KeepAlive { max_requests: 2, ..KeepAlive::default() };
    let host = Host::serve(server().keep_alive(keep_alive))?;
    let mut client = Client::connect(host.address())?;
    client.send("GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n")?;
    assert_eq!(answer(&mut client)?.header("Connection"), Some("keep-alive"));
    let last = client.answer()?;
    assert_eq!((last.text(), last.header("Connection")), ("b", Some("close")));
    Ok(())
}

#[test]
fn an_idle_connection_is_closed_in_silence() -> Result<()> {
    let keep_alive = KeepAlive { idle: Duration::from_millis(100), ..KeepAlive::default() };
    let host = Host::serve(server().keep_alive(keep_alive))?;
    let mut client = Client::connect(host.address())?;
    client.send("GET /a HTTP/1.1\r\n\r\n")?;
    assert_eq!(answer(&mut client)?.text(), "a");
    assert_eq!(client.read_all()?, b"");
    Ok(())
}

#[test]
fn a_later_request_that_is_slow_is_told_so() -> Result<()> {
    let timeouts = Timeouts { head: Duration::from_secs(1), ..Timeouts::default() };
    let host = Host::serve(server().timeouts(timeouts).keep_alive(KeepAlive::default()))?;
    let mut client = Client::connect(host.address())?;
    client.send("GET /a HTTP/1.1\r\n\r\n")?;
    assert_eq!(answer(&mut client)?.text(), "a");
    client.send("GET /b HTT")?;
    assert_eq!(client.answer()?.status, 408);
    Ok(())
}

#[test]
fn a_request_begun_behind_another_is_not_idle() -> Result<()> {
    let timeouts = Timeouts { head: Duration::from_secs(1), ..Timeouts::default() };
    let keep_alive = KeepAlive { idle: Duration::from_secs(3600), ..KeepAlive::default() };
    let host = Host::serve(server().timeouts(timeouts).keep_alive(keep_alive))?;
    let mut client = Client::connect(host.address())?;
    client.send("GET /a HTTP/1.1\r\n\r\nGET /b HTT")?;
    assert_eq!(answer(&mut client)?.text(), "a");
    assert_eq!(client.answer()?.status, 408);
    Ok(())
}

#[test]
fn a_line_end_behind_a_request_begins_no_other() -> Result<()> {
    let timeouts = Timeouts { head: Duration::from_millis(300), ..Timeouts::default() };
    let keep_alive = KeepAlive { idle: Duration::from_secs(1), ..KeepAlive::default() };
    let host = Host::serve(server().timeouts(timeouts).keep_alive(keep_alive))?;
    for line_end in ["\n", "\r\n", "\r\n\r\n"] {
        let mut client = Client::connect(host.address())?;
        client.send(format!("POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\n1{line_end}"))?;
        assert_eq!(answer(&mut client)?.text(), "a1");
        // Idle until then, and not slow.
        assert_eq!(client.read_all()?, b"", "{line_end:?}");

        let mut client = Client::connect(host.address())?;
        client.send("GET /b HTTP/1.1\r\n\r\n")?;
        assert_eq!(answer(&mut client)?.text(), "b");
        client.send(line_end)?;
        client.finish()?;
        assert_eq!(client.read_all()?, b"", "{line_end:?}");
    }
    Ok(())
}

#[test]
fn a_line_end_before_a_request_belongs_to_it() -> Result<()> {
    let host = host()?;
    let mut client = Client::connect(host.address())?;
    for _ in 0..3 {
        client.send("GET /a HTTP/1.1\r\n\r\n\r\n")?;
        assert_eq!(answer(&mut client)?.text(), "a");
    }
    Ok(())
}

#[test]
fn what_follows_connect_is_no_request() -> Result<()> {
    let host = host()?;
    let answer = host.exchange("CONNECT a:80 HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n")?;
    assert_eq!(answer.header("Connection"), Some("close"));
    assert_eq!(answer.text(), "a:80");
    Ok(())
}

#[test]
fn a_stopping_server_closes_connections_that_would_persist() -> Result<()> {
    let host = host()?;
    let address = host.address();
    let mut clients = (0..3).map(|_| Client::connect(address)).collect::<Result<Vec<_>>>()?;
    for client in &mut clients {
        client.send("GET /a HTTP/1.1\r\n\r\n")?;
        assert_eq!(answer(client)?.text(), "a");
    }
    assert_eq!(host.stop(Duration::from_secs(20)), 0);
    for client in &mut clients {
        assert_eq!(client.read_all()?, b"");
    }
    Ok(())
}

#[test]
fn more_persistent_connections_than_threads_are_all_served() -> Result<()> {
    let server = server().max_concurrent_requests(2).keep_alive(KeepAlive::default());
    let host = Host::serve(server)?;
    let mut clients =
        (0..100).map(|_| Client::connect(host.address())).collect::<Result<Vec<_>>>()?;
    for round in 0..3 {
        for client in &mut clients {
            client.send(format!("GET /{round} HTTP/1.1\r\n\r\n"))?;
        }
        for client in &mut clients {
            assert_eq!(answer(client)?.text(), round.to_string());
        }
    }
    drop(clients);
    eventually("all connections are closed", || host.connections() == 0)
}

#[test]
fn clients_that_pipeline_share_the_only_turn_with_those_in_line() -> Result<()> {
    let host = Host::serve(server().threads(false).keep_alive(KeepAlive::default()))?;
    let mut clients =
        (0..4).map(|_| Client::connect(host.address())).collect::<Result<Vec<_>>>()?;
    let pipeline = "GET /a HTTP/1.1\r\n\r\n".repeat(200);
    for client in &mut clients {
        client.send(&pipeline)?;
    }
    assert_eq!(host.get("/late")?.text(), "late");
    for client in &mut clients {
        for _ in 0..200 {
            assert_eq!(answer(client)?.text(), "a");
        }
    }
    assert_eq!(host.get("/last")?.text(), "last");
    Ok(())
}

#[test]
fn clients_that_pipeline_what_nobody_serves_give_way_to_others() -> Result<()> {
    let handler = |_: &Request<'_>, response: &mut Response| response.status = 204;
    let tenant = Tenant::new("here").hosts(["here"]).route(Route::new("/...", handler));
    let keep_alive = KeepAlive { max_requests: u32::MAX, ..KeepAlive::default() };
    let host = Host::serve(HttpServer::of_tenants([tenant]).keep_alive(keep_alive))?;
    let pipeline = "GET / HTTP/1.1\r\nHost: elsewhere\r\n\r\n".repeat(100);
    let clients = thread::available_parallelism()?.get() + 1;
    let asking = (0..clients).map(|_| Client::connect(host.address()));
    let asking: Vec<Client> = asking.collect::<Result<_>>()?;
    thread::scope(|scope| {
        for asking in &asking {
            let mut reading = asking.0.try_clone().expect("no descriptor is left");
            let mut sending = Client(asking.0.try_clone().expect("no descriptor is left"));
            scope.spawn(move || io::copy(&mut reading, &mut io::sink()));
            let pipeline = &pipeline;
            scope.spawn(move || while sending.send(pipeline).is_ok() {});
        }
        let answered = (0..20).try_for_each(|_| {
            let answer = host.exchange("GET / HTTP/1.0\r\nHost: here\r\n\r\n")?;
            ensure!(answer.status == 204, "{answer:?}");
            Ok(())
        });
        for asking in &asking {
            // What is still in line would be answered for a while.
            let _ = asking.0.shutdown(Shutdown::Both);
        }
        answered
    })
}

/// A server whose handler takes long enough for others to have their turn after it, and whose
/// clients have next to no time for their heads and all the time to read.
fn leisurely(answer: usize) -> Result<Host> {
    let handler = move |_: &Request<'_>, response: &mut Response| {
        thread::sleep(Duration::from_millis(1));
        response.data = Some(vec![b'a'; answer]);
    };
    let (head, write) = (Duration::from_millis(200), Duration::from_secs(1000));
    let timeouts = Timeouts { head, write, ..Timeouts::default() };
    Host::serve(HttpServer::new(handler).timeouts(timeouts).keep_alive(KeepAlive::default()))
}

#[test]
fn a_request_that_is_begun_behind_another_has_the_time_for_heads() -> Result<()> {
    let host = leisurely(1)?;
    let mut client = Client::connect(host.address())?;
    client.send("GET / HTTP/1.1\r\n\r\nGET /unfini")?;
    assert_eq!(answer(&mut client)?.status, 200);
    assert_eq!(answer(&mut client)?.status, 408);
    Ok(())
}

#[test]
fn who_is_slow_to_read_is_not_taken_for_slow_to_send() -> Result<()> {
    const REQUESTS: usize = 500;
    let host = leisurely(16 << 10)?;
    let mut client = Client::connect(host.address())?;
    client.send("GET / HTTP/1.1\r\n\r\n".repeat(REQUESTS))?;
    // More than heads may take, and nothing is read meanwhile.
    thread::sleep(Duration::from_secs(1));
    for _ in 0..REQUESTS {
        assert_eq!(answer(&mut client)?.status, 200);
    }
    Ok(())
}
