//! Clients that end in every way but the right one, while others are served.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use socket2::SockRef;

use crate::load::Healthy;
use crate::pairs;
use crate::report::{Report, median};
use crate::server::Server;
use crate::stage::Stage;

const CLIENTS: usize = 10_000;

/// How many are there at once.
const AT_ONCE: usize = 64;

const PATIENCE: Duration = Duration::from_secs(10);

/// A request with a body, of which some clients send only a part, and one whose answer some
/// do not wait for.
const WHOLE: &[u8] =
    b"POST /12 HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nabcdefghijklmnopqrst";
const LARGE: &[u8] = b"GET /1000000 HTTP/1.1\r\n\r\n";

pub fn run(stage: &Stage) -> Result<Report> {
    let count = stage.clients(CLIENTS);
    let mut server = Server::start(stage, &stage.guest("huge_body")?, &[])?;
    let healthy = Healthy::asking("/12");
    healthy.drive(stage, server.address, stage.measure)?;
    // What an answer of this size needs stays with the threads.
    Healthy::asking("/1000000").drive(stage, server.address, stage.measure)?;
    server.rest(stage)?;
    let before = server.gauge()?;

    let (mut during, mut ends) = (Vec::new(), [0; 4]);
    for round in 0..stage.rounds {
        let load = healthy.start(stage, server.address)?;
        let mut random = Random(0x9e37_79b9_7f4a_7c15 + u64::from(round));
        let mut clients = VecDeque::new();
        for _ in 0..count {
            stage.interrupt.check()?;
            clients.push_back(begin(server.address, &mut random)?);
            if clients.len() >= AT_ONCE {
                ends[end(clients.pop_front(), &mut random)?] += 1;
            }
        }
        while let Some(client) = clients.pop_front() {
            ends[end(Some(client), &mut random)?] += 1;
        }
        during.push(load.finish(stage)?);
    }
    let mut report = Report::default();
    let [reset, read_then_reset, half_closed, closed] = ends;
    report.note(
        "clients",
        format!("{reset} reset, {read_then_reset} mid-answer; {half_closed} half-closed; {closed} closed"),
    );
    let rate = median(during.iter().map(|one| one.per_second));
    report.note("healthy throughput", format!("{rate:.0} requests/s meanwhile"));
    pairs::judge_errors(&mut report, &during);
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(report)
}

/// A client that has sent as much as it ever will.
fn begin(server: SocketAddr, random: &mut Random) -> Result<TcpStream> {
    let mut client = TcpStream::connect(server)?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let part = match random.below(3) {
        0 => LARGE,
        _ => &WHOLE[..random.below(WHOLE.len() + 1)],
    };
    client.write_all(part)?;
    Ok(client)
}

/// Ends it in one of four ways, which is returned.
fn end(client: Option<TcpStream>, random: &mut Random) -> Result<usize> {
    let Some(mut client) = client else { return Ok(0) };
    let way = random.below(4);
    match way {
        0 => SockRef::from(&client).set_linger(Some(Duration::ZERO))?,
        1 => {
            client.set_nonblocking(true)?;
            // There may be nothing yet.
            let _ = client.read(&mut [0; 1000]);
            SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
        }
        2 => {
            // It may have been refused and closed already.
            let _ = client.shutdown(Shutdown::Write);
            let mut answer = Vec::new();
            let ended = client.read_to_end(&mut answer);
            ensure!(ended.is_ok() || !answer.is_empty(), "half-closed and left: {ended:?}");
        }
        _ => {}
    }
    Ok(way)
}

/// Numbers that look random and are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
