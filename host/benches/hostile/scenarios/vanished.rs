//! Clients that are cut off: from one moment on no packet reaches them, and nothing comes
//! from them either.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Result;
use socket2::{Domain, Socket, Type};

use crate::load::Healthy;
use crate::report::Report;
use crate::server::Server;
use crate::stage::Stage;

/// How many there are of each kind.
const CLIENTS: usize = 250;

/// What clients have said when they are cut off.
const KINDS: [(&str, &str); 5] = [
    ("nothing", ""),
    ("half a head", "GET / HTTP/1.1\r\nHost: he"),
    ("half a body", "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhello"),
    ("a request, and wait", "GET /12 HTTP/1.1\r\n\r\n"),
    ("a request for 4 MiB", "GET /4194304 HTTP/1.1\r\n\r\n"),
];

/// The longest that the options below let any of them stay, and how much later all must be
/// gone.
const DEADLINE: Duration = Duration::from_secs(3);
const LATE: Duration = Duration::from_secs(5);

/// Where the clients are: an address of this machine that nobody else has.
const AWAY: Ipv4Addr = Ipv4Addr::new(127, 9, 9, 9);

pub fn run(stage: &Stage) -> Result<Report> {
    let args = [
        "--keep-alive",
        "--idle-timeout=3s",
        "--head-timeout=3s",
        "--body-timeout=3s",
        "--write-timeout=3s",
    ];
    let mut report = Report::default();
    if !is_allowed() {
        report.note("not measured", "it takes root and ip(8) to lose packets");
        return Ok(report);
    }
    let mut server = Server::start(stage, &stage.guest("huge_body")?, &args)?;
    let larger = Healthy { keep_alive: true, ..Healthy::asking("/4194304") };
    larger.drive(stage, server.address, stage.measure)?;
    server.rest(stage)?;
    let before = server.gauge()?;
    for (said, bytes) in KINDS {
        let clients = (0..stage.clients(CLIENTS))
            .map(|_| client(server.address, bytes))
            .collect::<Result<Vec<_>>>()?;
        server.rest(stage)?;
        let held = server.descriptors()? - before.descriptors;
        let lost = Lost::from_now_on()?;
        let since = Instant::now();
        let gone = || Ok(server.descriptors()? <= before.descriptors);
        stage.wait("all are closed", (DEADLINE + LATE) * 4, gone)?;
        let took = since.elapsed();
        drop((lost, clients));
        report.judge(
            said,
            format!("{held} clients are gone {:.2} s after they were cut off", took.as_secs_f64()),
            "<= 3 s and 5 s",
            took <= DEADLINE + LATE,
        );
    }
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(report)
}

fn client(server: SocketAddr, bytes: &str) -> Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(IpAddr::V4(AWAY), 0).into())?;
    socket.connect(&server.into())?;
    let mut client = TcpStream::from(socket);
    client.write_all(bytes.as_bytes())?;
    Ok(client)
}

/// Packets to the clients are lost until this is dropped.
struct Lost;

impl Lost {
    fn from_now_on() -> Result<Lost> {
        anyhow::ensure!(route("add"), "cannot lose packets");
        Ok(Lost)
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        route("del");
    }
}

fn is_allowed() -> bool {
    Lost::from_now_on().is_ok()
}

fn route(verb: &str) -> bool {
    let away = AWAY.to_string();
    Command::new("ip")
        .args(["route", verb, "blackhole", &away, "table", "local"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
