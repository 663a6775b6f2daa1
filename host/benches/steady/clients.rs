//! Clients that ask one thing after another, each on a connection of its own, while
//! something happens to the server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picohttp_tests::client::Client;

/// How many ask at once, and how long each waits after an answer: the server is busy, but
/// not all the time.
const CLIENTS: usize = 8;
const PAUSE: Duration = Duration::from_millis(4);

/// How long an answer may take before the request has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of all requests.
#[derive(Default)]
pub struct Tally {
    times: Vec<Duration>,
    /// Why a request was not answered as it should have been, for each.
    pub failures: Vec<String>,
}

/// Has clients ask for `request` for as long as `meanwhile` takes. An answer is what
/// `is_right` says it is, given what is behind the head.
pub fn ask(
    server: SocketAddr,
    request: &str,
    is_right: impl Fn(&str) -> bool + Sync,
    meanwhile: impl FnOnce() -> Result<()>,
) -> Result<Tally> {
    let stop = AtomicBool::new(false);
    let client = || {
        let mut tally = Tally::default();
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            match exchange(server, request, &is_right) {
                Ok(()) => tally.times.push(begun.elapsed()),
                Err(error) => tally.failures.push(format!("{error:#}")),
            }
            thread::sleep(PAUSE);
        }
        tally
    };
    thread::scope(|scope| {
        let clients = [(); CLIENTS].map(|()| scope.spawn(client));
        let done = meanwhile();
        stop.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for client in clients {
            all.add(client.join().expect("a client panicked"));
        }
        done.map(|()| all)
    })
}

fn exchange(server: SocketAddr, request: &str, is_right: impl Fn(&str) -> bool) -> Result<()> {
    let mut client = Client::connect(server).context("connect")?;
    client.0.set_read_timeout(Some(PATIENCE))?;
    client.send(request).context("send")?;
    let answer = client.answer().context("receive")?;
    ensure!(answer.status == 200 && is_right(answer.text()), "{answer:?}");
    Ok(())
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.times.extend(other.times);
        self.failures.extend(other.failures);
    }

    pub fn requests(&self) -> usize {
        self.times.len() + self.failures.len()
    }

    /// The time in milliseconds that this share of the answers took at most.
    pub fn quantile(&mut self, share: f64) -> f64 {
        self.times.sort_unstable();
        let last = self.times.len().saturating_sub(1);
        let place = (last as f64 * share) as usize;
        self.times.get(place).map_or(f64::NAN, Duration::as_secs_f64) * 1e3
    }

    /// Says how many requests failed, and how the first ones did.
    pub fn print_failures(&self) {
        println!("{:<28} {:>10}", "requests failed", self.failures.len());
        for failure in self.failures.iter().take(5) {
            println!("    {failure}");
        }
    }
}
