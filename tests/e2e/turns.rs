//! Handlers that wait again and again, or could: some thread always has a turn for other clients.

use std::io::{ErrorKind, Read};
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use picohttp_host::{HttpServer, Request, Response, Route, Sandbox, Tenant};
use picohttp_tests::client::Client;
use picohttp_tests::host::{Host, eventually};
use picohttp_tests::sandbox::load;

/// How many clients ask for such a handler for each turn that there is.
const RESTLESS: usize = 8;

/// How many at the most: there is room for others.
const AT_MOST: usize = 48;

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello".into());
}

/// Checks that others are answered while all these handlers of the only tenant run.
fn check_answered_beside(guest: &str) -> Result<()> {
    let sandbox = Sandbox { timeout: Duration::from_secs(10), ..Sandbox::default() };
    let tenant = Tenant::new("one")
        .route(Route::new("/restless", load(guest, sandbox)?))
        .route(Route::new("/...", hello));
    let host = Host::serve(HttpServer::of_tenants([tenant]).port(0))?;
    let turns = thread::available_parallelism().map_or(1, NonZero::get);
    let mut restless = Vec::new();
    for _ in 0..(RESTLESS * turns).min(AT_MOST) {
        let mut client = Client::connect(host.address())?;
        client.send("GET /restless HTTP/1.0\r\n\r\n")?;
        restless.push(client);
    }
    eventually("all are here", || host.connections() >= restless.len())?;
    for _ in 0..5 {
        assert_eq!(host.get("/")?.text(), "Hello");
    }
    for client in &mut restless {
        client.0.set_nonblocking(true)?;
        let early = client.0.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(early, Err(ErrorKind::WouldBlock), "others had to wait until it was stopped");
    }
    Ok(())
}

#[test]
fn others_are_answered_beside_handlers_that_compute_and_sleep_again_and_again() -> Result<()> {
    check_answered_beside("restless")
}

#[test]
fn others_are_answered_beside_handlers_that_look_again_and_again() -> Result<()> {
    check_answered_beside("look_again")
}
