//! One client that asks a server twice, to see that it is there, that it answers rightly,
//! and that it treats connections as the load will expect.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::interrupt::Interrupt;
use crate::process::Process;
use crate::servers::Connection;
use crate::workloads::Workload;

/// How long a server may take to start, or to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the server listens, checks two answers, and returns how long the second
/// took, with no other client there.
pub fn probe(
    port: u16,
    workload: &Workload,
    connection: Connection,
    server: &mut Process,
    interrupt: &Interrupt,
) -> Result<Duration> {
    let mut client = wait(port, server, interrupt)?;
    for number in 1..workload.hosts {
        wait_for_host(port, workload, number, interrupt)?;
    }
    ask(&mut client, workload, connection, 0)?;
    let start = Instant::now();
    match connection {
        Connection::KeepAlive => ask(&mut client, workload, connection, 0)
            .context("asked a second time on the same connection")?,
        Connection::Close => {
            let closed = client.read(&mut [0])? == 0;
            ensure!(closed, "it sends more than it said");
            ask(&mut connect(port)?, workload, connection, 0)?;
        }
    }
    Ok(start.elapsed())
}

fn wait(port: u16, server: &mut Process, interrupt: &Interrupt) -> Result<TcpStream> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connect(port) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            connected => return Ok(connected?),
        }
        server.check_alive()?;
        ensure!(Instant::now() < deadline, "it does not listen");
        interrupt.sleep(Duration::from_millis(2))?;
    }
}

/// Waits until one of many hosts is answered: its handler may still be being compiled.
fn wait_for_host(port: u16, workload: &Workload, number: u32, interrupt: &Interrupt) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let asked = ask(&mut connect(port)?, workload, Connection::Close, number);
        if asked.is_ok() || Instant::now() > deadline {
            return asked;
        }
        interrupt.sleep(Duration::from_millis(20))?;
    }
}

fn connect(port: u16) -> std::io::Result<TcpStream> {
    let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    client.set_nodelay(true)?;
    Ok(client)
}

/// Asks as the load does, and checks the answer.
fn ask(
    client: &mut TcpStream,
    workload: &Workload,
    connection: Connection,
    number: u32,
) -> Result<()> {
    client.write_all(&workload.request(connection, number))?;

    let (head, body) = answer(client)?;
    ensure!(head.split(' ').nth(1) == Some("200"), "it answers {:?}", head.lines().next());
    ensure!(body == workload.answer(), "it answers with another body");
    Ok(())
}

/// Reads a head and as much as it says will follow. Ours and nginx end lines with CRLF,
/// picohttp with LF.
fn answer(client: &mut TcpStream) -> Result<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\n\r\n") && !head.ends_with(b"\n\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head)?.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length.context("it answers without a length")?.trim().parse()?;
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    Ok((head, body))
}
