//! Guests that do not end by themselves, of six kinds: how long after its deadline each is
//! stopped.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picohttp_tests::client::get_of;
use serde_json::Value;

use crate::pairs::own_cpu;
use crate::report::Report;
use crate::server::Server;
use crate::stage::{Stage, processors};

/// Where each kind runs for ever.
const KINDS: [(&str, &str); 6] = [
    ("loop", "spin"),
    ("start", "spin_in_start"),
    ("realloc", "spin_in_realloc"),
    ("post-return", "spin_in_post_return"),
    ("sleep", "sleep_forever"),
    ("bulk fill", "fill"),
];

const ALL: usize = 10_000;
const TIMEOUT: Duration = Duration::from_millis(30);

/// How late is too late.
const LATE: Duration = Duration::from_millis(25);

/// As many as the server's places for handlers, which must all be there afterwards.
const PLACES: usize = 64;

const PATIENCE: Duration = Duration::from_secs(60);

pub fn run(stage: &Stage) -> Result<Report> {
    let folder = stage.new_folder()?;
    let config = folder.path().join("picohttp.toml");
    fs::write(&config, configuration(stage)?)?;
    let mut server = Server::configured(stage, &config)?;
    // Some things are made when they are first needed, and stay.
    run_all(server.address, PLACES)?;
    check_places(stage, server.address)?;
    server.rest(stage)?;
    let before = server.gauge()?;
    let requests = folder.path().join("requests");
    let known = lateness(&requests)?.len();
    stage.quiet()?;
    let busy = Busy::now(&server)?;
    run_all(server.address, stage.clients(ALL))?;
    let others = busy.others_since(&server)?;
    stage.wait("all are in the log", PATIENCE, || {
        Ok(lateness(&requests)?.len() >= known + stage.clients(ALL) / KINDS.len() * KINDS.len())
    })?;
    let mut late = lateness(&requests)?.split_off(known);
    let mut report = Report::default();
    judge(&mut report, "all", &mut late);
    for (number, (kind, _)) in KINDS.iter().enumerate() {
        let of = |(tenant, _): &&(usize, Duration)| *tenant == number;
        judge(&mut report, kind, &mut late.iter().filter(of).copied().collect::<Vec<_>>());
    }
    report.note("others on the machine", format!("took {:.0} % of the processors", others * 100.0));
    check_places(stage, server.address)?;
    report.judge(
        "places afterwards",
        format!("{} at once", PLACES / 2),
        "all that one may have",
        true,
    );
    report.aftermath(&before, &server.settle(stage, &before)?);
    Ok(report)
}

fn configuration(stage: &Stage) -> Result<String> {
    let mut text = format!(
        "[server]\naddr = '127.0.0.1:0'\nmax_concurrent_requests = {PLACES}\n\
         access_log = 'requests'\naccess_log_format = 'json'\ncache_dir = {:?}\n\
         [[tenant]]\nname = 'others'\nsource = {:?}\nmax_concurrent_requests = {PLACES}\n",
        stage.cache(),
        stage.guest("pause")?,
    );
    for (number, (_, guest)) in KINDS.iter().enumerate() {
        let source = stage.guest(guest)?;
        write!(
            text,
            "[[tenant]]\nname = 'k{number}'\nhosts = ['k{number}']\nsource = {source:?}\n\
             timeout = '{}ms'\n",
            TIMEOUT.as_millis()
        )?;
    }
    Ok(text)
}

/// How busy the processors have been.
struct Busy {
    began: Instant,
    /// Their busy time and all time that they had.
    machine: (u64, u64),
    /// What the server and this process had of it.
    ours: Duration,
}

impl Busy {
    fn now(server: &Server) -> Result<Busy> {
        let ours = server.usage()?.cpu + own_cpu()?;
        Ok(Busy { began: Instant::now(), machine: processors()?, ours })
    }

    /// The share of the processors that others have had since. They delay whoever should end
    /// on time, above all guests that have retreated behind everybody.
    fn others_since(&self, server: &Server) -> Result<f64> {
        let now = Busy::now(server)?;
        let cores = thread::available_parallelism().map_or(1, usize::from) as f64;
        let all = (now.machine.1 - self.machine.1).max(1) as f64;
        let busy = (now.machine.0 - self.machine.0) as f64 / all;
        let ours = (now.ours - self.ours).as_secs_f64() / self.began.elapsed().as_secs_f64();
        Ok((busy - ours / cores).max(0.0))
    }
}

/// Runs so many of all kinds, one after the other for each processor.
fn run_all(server: SocketAddr, count: usize) -> Result<()> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let each = count / KINDS.len();
    thread::scope(|scope| {
        let client = |first: usize| {
            (first..each * KINDS.len())
                .step_by(threads)
                .try_for_each(|number| ask(server, &format!("k{}", number % KINDS.len()), "/", 504))
        };
        let clients: Vec<_> =
            (0..threads).map(|first| scope.spawn(move || client(first))).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a panic"))
    })
}

/// Fills as many places as one tenant may have, which is no more than it leaves free, with handlers
/// that sleep. Were one lost, one of them would wait.
fn check_places(stage: &Stage, server: SocketAddr) -> Result<()> {
    let (slept, began) = (Duration::from_secs(1), Instant::now());
    let target = format!("/{}", slept.as_millis());
    thread::scope(|scope| {
        let client = || ask(server, "others", &target, 200);
        let clients: Vec<_> = (0..PLACES / 2).map(|_| scope.spawn(client)).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a panic"))
    })?;
    stage.interrupt.check()?;
    ensure!(began.elapsed() < slept * 2, "all places were there only after {:?}", began.elapsed());
    Ok(())
}

fn ask(server: SocketAddr, host: &str, target: &str, status: u16) -> Result<()> {
    let answer = get_of(server, host, target)?;
    ensure!(answer.status == status, "{host}: {answer:?}");
    Ok(())
}

/// How late each request of the log was stopped, with the number of its kind.
fn lateness(requests: &Path) -> Result<Vec<(usize, Duration)>> {
    let text = fs::read_to_string(requests)?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut late = Vec::new();
    for line in whole.lines() {
        let record: Value = serde_json::from_str(line)?;
        let tenant = record["tenant"].as_str().unwrap_or_default();
        let Some(kind) = tenant.strip_prefix('k') else { continue };
        let took = |part: &str| record[part].as_u64().context("no time");
        let took = Duration::from_micros(took("instantiate_us")? + took("guest_us")?);
        late.push((kind.parse()?, took.saturating_sub(TIMEOUT)));
    }
    Ok(late)
}

fn judge(report: &mut Report, what: &str, late: &mut [(usize, Duration)]) {
    late.sort_by_key(|(_, late)| *late);
    let at = |share: f64| {
        let place = (late.len() as f64 * share) as usize;
        late.get(place.min(late.len().saturating_sub(1))).map_or(Duration::MAX, |(_, late)| *late)
    };
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    report.judge(
        what,
        format!(
            "{} stopped late by {:.1} ms (median), {:.1} (99 %), {:.1} (worst)",
            late.len(),
            ms(at(0.5)),
            ms(at(0.99)),
            ms(at(1.0))
        ),
        &format!("none by more than {} ms", LATE.as_millis()),
        at(1.0) <= LATE,
    );
}
