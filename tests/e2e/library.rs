//! The host as a library: closures as handlers, starting, stopping, and how many
//! requests run or wait at once.

use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use picohttp_host::{Call, Fault, Handler, HttpServer, Request, Response, Timeouts};
use picohttp_tests::client::{Client, PATIENCE, get};
use picohttp_tests::gate::{Gate, ask};
use picohttp_tests::host::{Host, eventually};

/// A client whose request waits in line, with so many before it.
fn ask_in_line(host: &Host, target: &str, before: usize) -> Result<Client> {
    let client = ask(host.address(), target)?;
    eventually("the request waits in line", || host.waiting() == before + 1)?;
    Ok(client)
}

/// Greets whom the path names.
fn hello(request: &Request<'_>, response: &mut Response) {
    response.data = Some(format!("Hello {}!", request.path[0]).into());
}

#[test]
fn a_started_server_is_at_its_address() -> Result<()> {
    let server = HttpServer::new(hello).port(0).start()?;
    assert_eq!(get(server.address(), "/world")?.text(), "Hello world!");
    assert_eq!(server.stop(PATIENCE), 0);
    Ok(())
}

#[test]
fn a_closure_may_return_an_error() -> Result<()> {
    let parse = |request: &Request<'_>, response: &mut Response| {
        response.status = request.path[0].parse()?;
        Ok::<_, std::num::ParseIntError>(())
    };
    let host = Host::serve(HttpServer::new(parse))?;
    assert_eq!(host.get("/404")?.status, 404);
    let answer = host.get("/tea")?;
    assert_eq!((answer.status, answer.text()), (500, "invalid digit found in string\n"));
    Ok(())
}

#[test]
fn a_panic_in_a_closure_harms_its_own_request_only() -> Result<()> {
    let server = HttpServer::new(|request: &Request<'_>, _: &mut Response| {
        assert_ne!(request.path[0], "panic", "a secret");
    });
    let host = Host::serve(server.threads(false))?;
    for _ in 0..10 {
        let answer = host.get("/panic")?;
        assert_eq!(answer.status, 500);
        assert!(!answer.text().contains("secret"));
    }
    assert_eq!(host.get("/")?.status, 200);
    Ok(())
}

#[test]
fn a_handler_gets_the_args_and_a_name_for_each_request() -> Result<()> {
    struct Echo;
    impl Handler for Echo {
        fn handle(&self, _: &Request<'_>, call: &Call<'_>) -> Result<Response, Fault> {
            let data = format!("{} {}", call.args.join(","), call.id);
            Ok(Response { data: Some(data.into()), ..Response::default() })
        }
    }
    let host = Host::serve(HttpServer::new(Echo).args(["a", "b"]))?;
    let [one, other] = [host.get("/")?, host.get("/")?];
    assert!(one.text().starts_with("a,b "));
    assert_ne!(one.text(), other.text());
    Ok(())
}

#[test]
fn without_threads_requests_are_handled_one_after_another() -> Result<()> {
    let (gate, handler) = Gate::new();
    let host = Host::serve(HttpServer::new(handler).threads(false))?;
    let clients = (0..5).map(|_| ask(host.address(), "/")).collect::<Result<Vec<_>>>()?;
    for others in (0..5).rev() {
        gate.next()?;
        eventually("the others wait in line", || host.waiting() == others)?;
        assert!(gate.entered.try_recv().is_err(), "two are running");
        gate.let_go(1)?;
    }
    for mut client in clients {
        assert_eq!(client.answer()?.status, 200);
    }
    Ok(())
}

#[test]
fn as_many_requests_run_at_once_as_may_and_no_more() -> Result<()> {
    let (running, three) = (AtomicUsize::new(0), Barrier::new(3));
    let meet = move |_: &Request<'_>, response: &mut Response| {
        response.status = 200 + running.fetch_add(1, Ordering::SeqCst) as u16;
        three.wait();
        running.fetch_sub(1, Ordering::SeqCst);
    };
    let host = Host::serve(HttpServer::new(meet).max_concurrent_requests(3))?;
    let clients = (0..30).map(|_| ask(host.address(), "/")).collect::<Result<Vec<_>>>()?;
    for mut client in clients {
        let status = client.answer()?.status;
        assert!(status < 203, "{} requests were running already", status - 200);
    }
    Ok(())
}

#[test]
fn without_a_line_the_excess_is_refused_at_once() -> Result<()> {
    let (gate, handler) = Gate::new();
    let host = Host::serve(HttpServer::new(handler).max_concurrent_requests(1).max_queue(0))?;
    let mut running = ask(host.address(), "/")?;
    gate.next()?;
    for method in ["GET", "POST", "HEAD"] {
        let answer = host.exchange(format!("{method} / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"))?;
        assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("1")));
        assert_eq!(answer.body.is_empty(), method == "HEAD");
    }
    gate.let_go(2)?;
    assert_eq!(running.answer()?.status, 200);
    assert_eq!(host.get("/")?.status, 200);
    Ok(())
}

#[test]
fn what_finds_the_line_full_is_refused_at_once() -> Result<()> {
    let (gate, handler) = Gate::new();
    let host = Host::serve(HttpServer::new(handler).threads(false).max_queue(2))?;
    let mut clients = vec![ask(host.address(), "/")?];
    gate.next()?;
    clients.push(ask_in_line(&host, "/", 0)?);
    clients.push(ask_in_line(&host, "/", 1)?);
    assert_eq!(host.get("/")?.status, 503);
    gate.let_go(clients.len())?;
    for client in &mut clients {
        assert_eq!(client.answer()?.status, 200);
    }
    Ok(())
}

#[test]
fn those_in_line_are_handled_in_their_order() -> Result<()> {
    let (gate, handler) = Gate::new();
    let host = Host::serve(HttpServer::new(handler).threads(false))?;
    let mut clients = vec![ask(host.address(), "running")?];
    assert_eq!(gate.next()?, "running");
    for (before, target) in ["a", "b", "c", "d", "e"].iter().enumerate() {
        clients.push(ask_in_line(&host, target, before)?);
    }
    gate.let_go(clients.len())?;
    for client in &mut clients {
        assert_eq!(client.answer()?.status, 200);
    }
    assert!(gate.entered.try_iter().eq(["a", "b", "c", "d", "e"]));
    Ok(())
}

#[test]
fn a_request_that_was_too_long_in_line_is_refused() -> Result<()> {
    let (gate, handler) = Gate::new();
    let [queue, head] = [100, 2000].map(Duration::from_millis);
    let timeouts = Timeouts { queue, head, ..Timeouts::default() };
    let host = Host::serve(HttpServer::new(handler).threads(false).timeouts(timeouts))?;
    let mut running = ask(host.address(), "/running")?;
    gate.next()?;
    let mut waiting = ask(host.address(), "/waiting")?;
    // Accepted after it, and closed when the longer of the two times is over.
    assert_eq!(Client::connect(host.address())?.read_all()?, b"");
    gate.let_go(1)?;
    assert_eq!(running.answer()?.status, 200);
    assert_eq!(waiting.answer()?.status, 503);
    assert!(gate.entered.try_recv().is_err(), "it was handled all the same");
    Ok(())
}

/// A client of which the host has read all but the last byte.
fn begin(address: SocketAddr) -> Result<Client> {
    let mut client = Client::connect(address)?;
    client.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")?;
    assert!(client.read(25)?.ends_with(b"100 Continue\r\n\r\n"));
    Ok(client)
}

/// Begins to stop a host; returns when new clients are refused.
fn begin_to_stop(host: Host, timeout: Duration) -> Result<thread::JoinHandle<usize>> {
    let address = host.address();
    let stopping = thread::spawn(move || host.stop(timeout));
    eventually("new clients are refused", || TcpStream::connect(address).is_err())?;
    Ok(stopping)
}

#[test]
fn to_stop_is_to_finish_what_is_here_and_refuse_the_rest() -> Result<()> {
    let (gate, handler) = Gate::new();
    let host = Host::serve(HttpServer::new(handler).threads(false))?;
    let mut running = ask(host.address(), "/running")?;
    gate.next()?;
    let mut waiting = ask_in_line(&host, "/waiting", 0)?;
    let mut begun = begin(host.address())?;
    let mut idle = Client::connect(host.address())?;
    let stopping = begin_to_stop(host, PATIENCE)?;

    assert_eq!(idle.read_all()?, b"");
    gate.let_go(3)?;
    begun.send("a")?;
    for client in [&mut running, &mut waiting, &mut begun] {
        assert_eq!(client.answer()?.status, 200);
    }
    assert_eq!(stopping.join().expect("no panic"), 0);
    Ok(())
}

#[test]
fn to_stop_in_time_is_to_cut_off_and_say_how_many() -> Result<()> {
    let (gate, handler) = Gate::new();
    let host = Host::serve(HttpServer::new(handler).threads(false))?;
    let _running = ask(host.address(), "/running")?;
    gate.next()?;
    let mut waiting = ask_in_line(&host, "/waiting", 0)?;
    let mut begun = begin(host.address())?;
    let stopping = begin_to_stop(host, Duration::from_millis(500))?;

    // Closed although a handler still runs.
    assert_eq!(waiting.answer()?.status, 503);
    assert_eq!(begun.read_to_close()?, b"");
    assert_eq!(stopping.join().expect("no panic"), 3);
    gate.let_go(1)
}

#[test]
fn a_stopped_server_leaves_its_address() -> Result<()> {
    let mut address = "127.0.0.3:0".parse()?;
    for _ in 0..2 {
        let server = HttpServer::new(hello).address(address).start()?;
        address = server.address();
        assert_eq!(get(address, "/")?.status, 200);
        server.stop(PATIENCE);
    }
    Ok(())
}

#[test]
fn a_server_that_is_let_go_of_runs_on() -> Result<()> {
    let address = HttpServer::new(hello).port(0).start()?.address();
    assert_eq!(get(address, "/world")?.text(), "Hello world!");
    Ok(())
}

#[test]
fn open_connections_are_counted() -> Result<()> {
    let host = Host::serve(HttpServer::new(hello))?;
    let clients = (0..5).map(|_| Client::connect(host.address())).collect::<Result<Vec<_>>>()?;
    eventually("all are open", || host.connections() == 5)?;
    drop(clients);
    eventually("none is open", || host.connections() == 0)?;
    Ok(())
}
