//! Clients that are slow, idle, deaf or gone: they cost no thread, and other clients
//! nothing.

use std::io::Read;
use std::net::{Shutdown, SocketAddr};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};
use std::{fs, io, iter, thread};

use anyhow::Result;
use picohttp_host::{HttpServer, Request, Response, Timeouts};
use picohttp_tests::alone::alone;
use picohttp_tests::client::{Answer, Client, PATIENCE};
use picohttp_tests::gate::{Gate, ask};
use picohttp_tests::host::{Host, eventually};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, SockRef, Socket, Type};

/// More than the buffers of a socket take.
const LARGE: usize = 8 << 20;

/// Answers `/large` with a lot and all else with nothing.
fn handler(request: &Request<'_>, response: &mut Response) {
    if request.path[0] == "large" {
        response.data = Some(vec![b'a'; LARGE]);
    }
}

/// A server of two request threads, which is as few as can be.
fn small() -> HttpServer {
    HttpServer::new(handler).threads(false)
}

/// Long enough to be told from nothing, and no longer.
const SHORT: Duration = Duration::from_millis(200);

/// A client whose receive buffer is small.
fn deaf(address: SocketAddr) -> Result<Client> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(4096)?;
    socket.connect(&address.into())?;
    Client::new(socket.into())
}

/// Sends a byte whenever a while has gone without an answer.
fn dribble(client: &mut Client) -> Result<Answer> {
    client.0.set_read_timeout(Some(Duration::from_millis(10)))?;
    while client.0.peek(&mut [0]).is_err() {
        client.send("a")?;
    }
    client.answer()
}

#[test]
fn a_client_that_dribbles_its_head_is_told_so() -> Result<()> {
    let timeouts = Timeouts { head: SHORT, ..Timeouts::default() };
    let host = Host::serve(small().timeouts(timeouts))?;
    let mut client = Client::connect(host.address())?;
    client.send("GET /")?;
    assert_eq!(dribble(&mut client)?.status, 408);
    Ok(())
}

#[test]
fn a_client_that_dribbles_its_body_is_told_so() -> Result<()> {
    let timeouts = Timeouts { body: SHORT, ..Timeouts::default() };
    let host = Host::serve(small().timeouts(timeouts))?;
    for framing in ["Content-Length: 10000000", "Transfer-Encoding: chunked\r\n\r\nfffff"] {
        let mut client = Client::connect(host.address())?;
        client.send(format!("POST / HTTP/1.1\r\n{framing}\r\n\r\n"))?;
        assert_eq!(dribble(&mut client)?.status, 408);
    }
    Ok(())
}

#[test]
fn a_client_that_says_nothing_is_told_nothing() -> Result<()> {
    let timeouts = Timeouts { head: SHORT, ..Timeouts::default() };
    let host = Host::serve(small().timeouts(timeouts))?;
    assert_eq!(Client::connect(host.address())?.read_all()?, b"");
    Ok(())
}

#[test]
fn clients_that_dribble_without_a_pause_shut_nobody_out() -> Result<()> {
    let host = Host::serve(small())?;
    let mut clients =
        (0..4).map(|_| Client::connect(host.address())).collect::<Result<Vec<_>>>()?;
    for client in &mut clients {
        client.send("POST / HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n")?;
    }
    let mut dribble = || clients.iter_mut().try_for_each(|client| client.send("a"));
    thread::scope(|scope| {
        let dribbling = scope.spawn(|| (0..5000).try_for_each(|_| dribble()));
        while !dribbling.is_finished() {
            assert_eq!(host.get("/")?.status, 200);
        }
        dribbling.join().expect("no panic")
    })
}

#[test]
fn a_handler_is_not_called_before_the_body_is_complete() -> Result<()> {
    let (call, called) = mpsc::channel();
    let server = HttpServer::new(move |request: &Request<'_>, _: &mut Response| {
        call.send((request.path[0].to_owned(), request.data.map(<[u8]>::to_vec)))
    });
    let host = Host::serve(server.threads(false))?;
    let head = "POST /slow HTTP/1.1\r\nContent-Length: 5\r\n\r\n";
    // More of them than there are threads.
    let mut slow = (0..5).map(|_| Client::connect(host.address())).collect::<Result<Vec<_>>>()?;
    slow.iter_mut().try_for_each(|client| client.send(format!("{head}hell")))?;

    assert_eq!(host.get("/healthy")?.status, 200);
    assert_eq!(called.recv()?, ("healthy".to_owned(), None));
    assert!(called.try_recv().is_err(), "called for an incomplete request");
    for mut client in slow {
        client.send("o")?;
        assert_eq!(client.answer()?.status, 200);
        assert_eq!(called.recv()?, ("slow".to_owned(), Some(b"hello".to_vec())));
    }
    Ok(())
}

#[test]
fn idle_clients_cost_no_thread() -> Result<()> {
    alone("clients::idle_clients_cost_no_thread", || {
        let timeouts = Timeouts { head: PATIENCE, ..Timeouts::default() };
        let host = Host::serve(small().timeouts(timeouts))?;
        let threads = || fs::read_dir("/proc/self/task").map(Iterator::count);
        assert_eq!(host.get("/")?.status, 200);
        let before = threads()?;
        let mut idle =
            (0..300).map(|_| Client::connect(host.address())).collect::<Result<Vec<_>>>()?;
        for client in &mut idle[150..] {
            client.send("GET / HTTP/1.1\r\n")?;
        }
        eventually("all are accepted", || host.connections() == 300)?;
        assert_eq!(host.get("/")?.status, 200);
        assert_eq!(threads()?, before);
        for client in &mut idle {
            client.send("GET / HTTP/1.1\r\n\r\n")?;
            assert_eq!(client.answer()?.status, 200);
        }
        Ok(())
    })
}

#[test]
fn clients_that_do_not_read_keep_no_thread_and_can_read_later() -> Result<()> {
    let timeouts = Timeouts { write: PATIENCE, ..Timeouts::default() };
    let host = Host::serve(small().timeouts(timeouts))?;
    let mut clients = (0..5).map(|_| deaf(host.address())).collect::<Result<Vec<_>>>()?;
    for client in &mut clients {
        client.send("GET /large HTTP/1.0\r\n\r\n")?;
        // The answer has begun.
        client.0.peek(&mut [0])?;
    }
    assert_eq!(host.get("/")?.status, 200);
    for mut client in clients {
        assert_eq!(client.answer()?.body.len(), LARGE);
    }
    Ok(())
}

#[test]
fn a_client_that_never_reads_is_given_up() -> Result<()> {
    let timeouts = Timeouts { write: SHORT, ..Timeouts::default() };
    let host = Host::serve(small().timeouts(timeouts))?;
    let mut client = deaf(host.address())?;
    client.send("GET /large HTTP/1.0\r\n\r\n")?;
    client.0.peek(&mut [0])?;
    eventually("the connection is closed", || host.connections() == 0)
}

#[test]
fn a_client_that_vanishes_leaves_nothing_behind() -> Result<()> {
    let (enter, entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let server = HttpServer::new(move |request: &Request<'_>, response: &mut Response| {
        if request.path[0] == "wait" {
            enter.send(()).expect("the test listens");
            released.lock().expect("no panic").recv().expect("the test lets go");
        }
        handler(request, response);
    });
    let host = Host::serve(server.max_concurrent_requests(1))?;
    let at = |sent: &str| {
        let mut client = deaf(host.address())?;
        SockRef::from(&client.0).set_linger(Some(Duration::ZERO))?;
        client.send(sent)?;
        anyhow::Ok(client)
    };
    // Closed by a reset when they are dropped, each at another point of its life.
    let deaf = at("GET /large HTTP/1.0\r\n\r\n")?;
    deaf.0.peek(&mut [0])?;
    let running = at("GET /wait HTTP/1.0\r\n\r\n")?;
    entered.recv()?;
    let waiting = at("GET /large HTTP/1.0\r\n\r\n")?;
    eventually("it waits in line", || host.waiting() == 1)?;
    let others = [at("")?, at("GET /")?, at("POST / HTTP/1.0\r\nContent-Length: 9\r\n\r\na")?];
    eventually("all are here", || host.connections() == 6)?;
    drop((deaf, running, waiting, others));
    eventually("all but two are gone", || host.connections() == 2)?;
    release.send(())?;
    eventually("all are gone", || host.connections() == 0)?;
    assert_eq!(host.get("/")?.status, 200);
    Ok(())
}

/// Has a client wait in line that then does something; says what is handled after the one
/// before it, of that client's request and a last one.
fn handled_after(then: impl FnOnce(Client) -> Result<Option<Client>>) -> Result<String> {
    let (gate, handler) = Gate::new();
    let host = Host::serve(HttpServer::new(handler).max_concurrent_requests(1))?;
    let mut first = ask(host.address(), "/first")?;
    assert_eq!(gate.next()?, "first");
    let waiting = ask(host.address(), "/waiting")?;
    eventually("it waits in line", || host.waiting() == 1)?;
    let waiting = then(waiting)?;
    let mut last = ask(host.address(), "/last")?;
    gate.let_go(3)?;
    assert_eq!(first.answer()?.status, 200);
    let next = gate.next()?;
    if let Some(mut client) = waiting {
        assert_eq!(client.answer()?.status, 200);
    }
    assert_eq!(last.answer()?.status, 200);
    Ok(next)
}

#[test]
fn a_request_whose_client_is_gone_before_its_turn_is_not_handled() -> Result<()> {
    let next = handled_after(|client| {
        // Closed by a reset when it is dropped.
        SockRef::from(&client.0).set_linger(Some(Duration::ZERO))?;
        Ok(None)
    })?;
    assert_eq!(next, "last");
    Ok(())
}

#[test]
fn a_request_in_line_whose_client_sends_no_more_is_handled() -> Result<()> {
    let next = handled_after(|client| {
        client.0.shutdown(Shutdown::Write)?;
        Ok(Some(client))
    })?;
    assert_eq!(next, "waiting");
    Ok(())
}

#[test]
fn who_takes_slowly_and_goes_on_has_its_time() -> Result<()> {
    const ANSWER: usize = 5 << 20;
    const PER_SECOND: usize = 500 << 10;
    let handler =
        |_: &Request<'_>, response: &mut Response| response.data = Some(vec![b'a'; ANSWER]);
    let timeouts = Timeouts { write: Duration::from_secs(3), ..Timeouts::default() };
    let host = Host::serve(HttpServer::new(handler).timeouts(timeouts))?;
    let mut client = Client::connect(host.address())?;
    client.send("GET / HTTP/1.0\r\n\r\n")?;
    let (began, mut taken, mut piece) = (Instant::now(), 0, [0; 16 << 10]);
    loop {
        match client.0.read(&mut piece)? {
            0 => break,
            bytes => taken += bytes,
        }
        let due = Duration::from_secs_f64(taken as f64 / PER_SECOND as f64);
        thread::sleep(due.saturating_sub(began.elapsed()));
    }
    assert!(taken > ANSWER, "{taken}");
    Ok(())
}

/// What the host has logged, in a process of its own.
static LOG: Mutex<String> = Mutex::new(String::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().expect("no panic").push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn clients_that_find_no_descriptor_are_served_when_there_is_one() -> Result<()> {
    alone("clients::clients_that_find_no_descriptor_are_served_when_there_is_one", || {
        tracing_subscriber::fmt().with_writer(|| Log).init();
        let host = Host::serve(small())?;
        let sockets = (0..8).map(|_| Socket::new(Domain::IPV4, Type::STREAM, None));
        let sockets = sockets.collect::<Result<Vec<_>, _>>()?;
        let limit = Rlimit { current: Some(256), ..getrlimit(Resource::Nofile) };
        setrlimit(Resource::Nofile, limit)?;
        let mut files: Vec<_> = iter::from_fn(|| fs::File::open("/dev/null").ok()).collect();

        let clients = sockets.into_iter().map(|socket| {
            socket.connect(&host.address().into())?;
            let mut client = Client::new(socket.into())?;
            client.send("GET / HTTP/1.0\r\n\r\n")?;
            anyhow::Ok(client)
        });
        let clients = clients.collect::<Result<Vec<_>>>()?;
        let says_so = || LOG.lock().expect("no panic").contains("cannot accept clients");
        eventually("the host says that it cannot accept them", says_so)?;
        assert_eq!(host.connections(), 0);

        files.pop();
        for mut client in clients {
            assert_eq!(client.answer()?.status, 200);
        }
        Ok(())
    })
}
