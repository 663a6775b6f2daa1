//! Few or many connections, all of them busy: as many requests are answered. What the clients
//! and the kernel lose on the way is seen by nginx, if it is here.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use crate::closed_loop::{Answered, ask};
use crate::process::Process;
use crate::report::{Report, median};
use crate::server::Server;
use crate::stage::Stage;
use crate::usage::{self, Usage};

const OPEN: [usize; 5] = [1, 8, 64, 512, 4096];

/// From how many connections on the server can be busy all the time, and how much less than
/// the best any may be.
const ENOUGH: usize = 8;
const FALL: f64 = 0.15;

/// With so many connections, what each round measured.
struct Row {
    connections: usize,
    ours: Vec<Answered>,
    nginx: Vec<Answered>,
}

pub fn run(stage: &Stage) -> Result<Report> {
    let endless = ["--keep-alive", "--max-requests-per-connection", "1000000000"];
    let mut server = Server::start(stage, &stage.hello()?, &endless)?;
    let nginx = Nginx::start(stage)?;
    ask(stage, (server.address, &|| server.usage()), 512)?;
    server.rest(stage)?;
    let before = server.gauge()?;

    let new_row = |connections| Row { connections, ours: Vec::new(), nginx: Vec::new() };
    let mut rows = OPEN.map(new_row);
    for _ in 0..stage.rounds {
        for Row { connections, ours, nginx: theirs } in &mut rows {
            stage.quiet()?;
            ours.push(ask(stage, (server.address, &|| server.usage()), *connections)?);
            server.settle(stage, &before)?;
            if let Some(nginx) = &nginx {
                theirs.push(ask(stage, (nginx.address, &|| nginx.usage()), *connections)?);
            }
        }
    }
    let mut report = Report::default();
    for Row { connections, ours, nginx } in &rows {
        let said = |of: &[Answered]| {
            let middle = |what: fn(&Answered) -> f64| median(of.iter().map(what));
            let (p99, cpu) = (middle(|one| one.p99), middle(|one| one.cpu));
            format!("{:.0} requests/s, p99 {p99:.2} ms, {cpu:.1} us of CPU each", median_rate(of))
        };
        let (ours, theirs) = (said(ours), said(nginx));
        report.note(&format!("{connections} open"), format!("{ours}; nginx {theirs}"));
    }
    let (ours, theirs) = (worst(&rows, |row| &row.ours), worst(&rows, |row| &row.nginx));
    report.judge(
        "the worst",
        format!(
            "{:.1} % less than the best, from {ENOUGH} on; of nginx {:.1} %",
            (1.0 - ours) * 100.0,
            (1.0 - theirs) * 100.0
        ),
        "< 15 %, or < 15 % below nginx's",
        1.0 - ours < FALL || 1.0 - ours / theirs < FALL,
    );
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(report)
}

fn median_rate(measured: &[Answered]) -> f64 {
    median(measured.iter().map(|one| one.per_second))
}

/// The lowest rate as a share of the highest, where there are enough connections.
fn worst(rows: &[Row], of: fn(&Row) -> &Vec<Answered>) -> f64 {
    let many = rows.iter().filter(|row| row.connections >= ENOUGH);
    let rates = many.map(|row| median_rate(of(row)));
    let (low, high) = rates.fold((f64::INFINITY, 0.0), |(low, high), rate| {
        (f64::min(low, rate), f64::max(high, rate))
    });
    low / high
}

const NGINX_CONF: &str = r#"
daemon off;
worker_processes auto;
pid FOLDER/pid;
events { worker_connections 10000; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    server {
        listen ADDRESS backlog=4096;
        location / { return 200 "Hello world!"; }
    }
}
"#;

/// nginx, answering with a constant.
struct Nginx {
    address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Nginx {
    /// None if it is not here.
    fn start(stage: &Stage) -> Result<Option<Nginx>> {
        if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        let folder = stage.new_folder()?;
        // Nobody else is expected to take it in the next moment.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let conf = NGINX_CONF
            .replace("FOLDER", &folder.path().to_string_lossy())
            .replace("ADDRESS", &address.to_string());
        let file = folder.path().join("nginx.conf");
        fs::write(&file, conf)?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).args(["-e", "stderr", "-c"]).arg(&file);
        let process = Process::start(command, folder.path())?;
        stage.wait("nginx listens", Duration::from_secs(10), || {
            Ok(TcpStream::connect(address).is_ok())
        })?;
        Ok(Some(Nginx { address, process, _folder: folder }))
    }

    fn usage(&self) -> Result<Usage> {
        usage::of_group(self.process.group())
    }
}
