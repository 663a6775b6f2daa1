//! The host itself panics: in an import of a guest's, and around its handlers. That costs a
//! request and nothing else.
//!
//! The panics are in those who read the host's log, which the host calls wherever it has
//! something to say.

use std::fs;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use picohttp_host::{EngineOptions, HttpServer, Sandbox};
use picohttp_tests::alone::alone;
use picohttp_tests::client::Client;
use picohttp_tests::host::{Host, eventually};
use picohttp_tests::sandbox::{load_into, new_engine};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Panics at every event of one part of the host, as many times as are left.
struct Faulty(&'static str);

static LEFT: AtomicUsize = AtomicUsize::new(0);

impl Subscriber for Faulty {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        let may =
            || LEFT.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if event.metadata().target() == self.0 && may().is_ok() {
            panic!("injected");
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Asks a guest that prints, while the host panics whenever this part of it says something,
/// so many times; then asks again. There is one slot and room for one request: were they
/// lost, the next would be refused.
fn panics(target: &'static str, times: usize, seen: &[u16]) -> Result<()> {
    panic::set_hook(Box::new(|_| {}));
    tracing::subscriber::set_global_default(Faulty(target))?;
    let engine = new_engine(EngineOptions { instances: 1, ..EngineOptions::default() })?;
    let talk = load_into(&engine, "talk", Sandbox::default())?;
    let host = Host::serve(HttpServer::new(talk).max_concurrent_requests(1))?;
    ensure!(host.get("/lines")?.status == 200);
    let before = threads()?;
    LEFT.store(times, Ordering::SeqCst);
    let mut asked = 0;
    while LEFT.load(Ordering::SeqCst) > 0 {
        let mut client = Client::connect(host.address())?;
        client.send("GET /lines HTTP/1.0\r\n\r\n")?;
        let status = client.answer().map_or(0, |answer| answer.status);
        ensure!(seen.contains(&status), "{status} after {asked}");
        asked += 1;
    }
    ensure!(asked >= times / 2, "{asked} of {times}");
    for _ in 0..100 {
        let answer = host.get("/lines")?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    eventually("no connection is left", || host.connections() == 0)?;
    ensure!(threads()? == before, "{before} -> {}", threads()?);
    assert_eq!(host.stop(Duration::from_secs(10)), 0);
    Ok(())
}

fn threads() -> Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

#[test]
fn a_panic_in_an_import_costs_its_request() -> Result<()> {
    alone("panics::a_panic_in_an_import_costs_its_request", || panics("guest", 10_000, &[500]))
}

#[test]
fn a_panic_beside_a_handler_costs_its_request() -> Result<()> {
    alone("panics::a_panic_beside_a_handler_costs_its_request", || {
        panics(picohttp_host::REQUEST_LOG, 1000, &[500])
    })
}

/// It comes after the answer, which may be on its way still.
#[test]
fn a_panic_of_a_thread_costs_its_connection() -> Result<()> {
    alone("panics::a_panic_of_a_thread_costs_its_connection", || {
        panics("picohttp_host::request::closed", 1000, &[200])
    })
}
