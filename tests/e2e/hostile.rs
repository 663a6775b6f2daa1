//! Hostile clients and hostile surroundings, against the program itself: whatever they do,
//! it is as it was before, and answers.

pub mod program;
mod descriptors; // too few of them
mod surroundings; // signals, threads, files, a log without a reader

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picohttp_tests::client::{Answer, Client, PATIENCE};
use picohttp_tests::guests::{guest, plugin};
use socket2::SockRef;

use program::Program;

/// How many clients are hundreds.
const CLIENTS: usize = 300;

/// Holds clients that send this at first, and perhaps a byte now and then, until all are
/// told or closed.
fn check_shed(first: &[u8], dribbles: bool) -> Result<()> {
    let args = ["--head-timeout", "2s", "--body-timeout", "2s"];
    let mut program = Program::start(&plugin("hello")?, &args)?;
    let mut clients = program.connect(CLIENTS)?;
    clients.iter_mut().try_for_each(|client| client.send(first))?;
    ensure!(program.get("/hello")?.status == 200);
    ensure!(program.gauge()?.threads <= program.before().threads);

    for client in &clients {
        client.0.set_nonblocking(true)?;
    }
    let start = Instant::now();
    while !clients.is_empty() {
        ensure!(start.elapsed() < PATIENCE, "{} are still held", clients.len());
        std::thread::sleep(Duration::from_millis(50));
        clients.retain_mut(|client| {
            // What is refused is seen by reading.
            let _ = dribbles.then(|| client.send("a"));
            let held = client.0.peek(&mut [0]);
            held.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        });
    }
    program.check_nothing_is_left()
}

#[test]
fn hundreds_of_idle_clients_are_shed() -> Result<()> {
    check_shed(b"", false)
}

#[test]
fn hundreds_of_dribbling_heads_are_shed() -> Result<()> {
    check_shed(b"GET /hello HTTP/1.1\r\nA: ", true)
}

#[test]
fn hundreds_of_dribbling_bodies_are_shed() -> Result<()> {
    check_shed(b"POST /hello HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", true)
}

#[test]
fn a_flood_of_connections_leaves_nothing() -> Result<()> {
    let mut program = Program::start(&plugin("hello")?, &["--max-connections", "50"])?;
    // Each thread that accepts has one to close.
    let most = program.before().descriptors + 50 + std::thread::available_parallelism()?.get();
    for _ in 0..5 {
        let flood = program.connect(CLIENTS)?;
        let open = program.gauge()?.descriptors;
        ensure!(open <= most, "{open} are open, and at most {most} may be");
        drop(flood);
    }
    program.check_nothing_is_left()
}

/// A client that resets the connection when it is dropped.
fn resetting(program: &Program) -> Result<Client> {
    let client = Client::connect(program.address)?;
    SockRef::from(&client.0).set_linger(Some(Duration::ZERO))?;
    Ok(client)
}

#[test]
fn resets_at_every_stage_leave_nothing() -> Result<()> {
    let mut program = Program::start(&guest("huge_body")?, &[])?;
    for sent in [
        "",
        "GET /1",
        "GET /1 HTTP/1.1\r\nHost: a",
        "POST /1 HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf",
        "POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nha",
        "GET /1 HTTP/1.1\r\n\r\n",
        "GET /9000000 HTTP/1.1\r\n\r\n",
    ] {
        for round in 0..40 {
            let mut client = resetting(&program)?;
            client.send(sent)?;
            if sent.ends_with("\r\n\r\n") && round % 2 == 0 {
                // In the middle of the answer.
                client.read(1)?;
            }
        }
        program.check_nothing_is_left().with_context(|| format!("after {sent:?}"))?;
    }
    Ok(())
}

#[test]
fn at_overload_every_client_is_answered() -> Result<()> {
    let args = ["--max-concurrent-requests", "2", "--max-queue", "4"];
    let mut program = Program::start(&guest("pause")?, &args)?;
    let mut clients = program.connect(200)?;
    clients.iter_mut().try_for_each(|client| client.send("GET /50 HTTP/1.0\r\n\r\n"))?;
    let answers = clients.iter_mut().map(Client::answer).collect::<Result<Vec<_>>>()?;
    let of = |status| answers.iter().filter(move |answer| answer.status == status);
    ensure!(of(200).count() + of(503).count() == answers.len(), "{answers:?}");
    ensure!(of(200).count() >= 6, "{} were handled", of(200).count());
    ensure!(of(503).count() > 0, "nobody was refused");
    ensure!(of(503).all(|answer| answer.header("Retry-After").is_some()), "{answers:?}");
    drop(clients);
    program.check_nothing_is_left()
}

/// Opens this many connections, sends the same on each, and checks that meanwhile the
/// program has taken no more than 2 MB for them.
fn check_nothing_is_taken(sent: &str) -> Result<()> {
    // A body of this length is allowed, so that it could be believed.
    let args = ["--max-body-size", "2GB", "--max-buffered", "200GB"];
    let mut program = Program::start(&plugin("hello")?, &args)?;
    // What a hundred clients take that say nothing of lengths.
    let send = |sent: &str| {
        let mut clients = program.connect(100)?;
        clients.iter_mut().try_for_each(|client| client.send(sent))?;
        // Those before it are received.
        ensure!(program.get("/hello")?.status == 200);
        std::thread::sleep(Duration::from_millis(200));
        let memory = program.gauge()?.memory;
        drop(clients);
        Ok(memory)
    };
    let before = send("POST /hello HTTP/1.1\r\n")?;
    let during = send(sent)?;
    ensure!(during <= before + 2_000_000, "{before} -> {during}");
    program.check_nothing_is_left()
}

#[test]
fn a_length_takes_no_memory_before_its_bytes_come() -> Result<()> {
    check_nothing_is_taken("POST /hello HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n")
}

#[test]
fn a_chunks_length_takes_no_memory_before_its_bytes_come() -> Result<()> {
    check_nothing_is_taken("POST /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3b9aca00\r\n")
}

#[test]
fn floods_of_one_byte_in_a_head_are_answered_or_refused() -> Result<()> {
    const FLOOD: usize = 60_000;
    let mut program = Program::start(&plugin("hello")?, &[])?;
    let ask = |head: String| -> Result<Answer> {
        let mut client = Client::connect(program.address)?;
        client.send(format!("{head}\r\n\r\n"))?;
        client.answer().with_context(|| format!("{:?}", &head[..20]))
    };
    for byte in [" ", ":", "&", "/", "=", "?", "%", ",", ";", "\t", "\"", "\r", "\n", "\0"] {
        let flood = byte.repeat(FLOOD);
        for head in [
            format!("GET /{flood} HTTP/1.1"),
            format!("GET /?{flood} HTTP/1.1"),
            format!("GET / HTTP/1.1\r\nA: {flood}b"),
            format!("GET / HTTP/1.1\r\nA{flood}: b"),
            format!("GET / HTTP/1.1\r\n{}", format!("A: {byte}\r\n").repeat(FLOOD / 60)),
        ] {
            let status = ask(head)?.status;
            ensure!(matches!(status, 200 | 400 | 404 | 414 | 431), "{byte:?}: {status}");
        }
    }
    let grown = program.gauge()?.memory.saturating_sub(program.before().memory);
    ensure!(grown < 8 << 20, "{grown} bytes more than before");
    program.check_nothing_is_left()
}
