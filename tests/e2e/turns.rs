//! Handlers that wait again and again, or could: some thread always has a turn for other clients.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use anyhow::Result;
use picohttp_host::{HttpServer, Request, Response, Route, Sandbox, Tenant};
use picohttp_tests::client::Client;
use picohttp_tests::host::{Host, eventually};
use picohttp_tests::sandbox::load;

/// How many clients ask for such a handler: more than any machine here has turns.
const RESTLESS: usize = 32;

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello".into());
}

/// Checks that others are answered while all these handlers of the only tenant run.
fn check_answered_beside(guest: &str) -> Result<()> {
    let sandbox = Sandbox { timeout: Duration::from_secs(5), ..Sandbox::default() };
    let tenant = Tenant::new("one")
        .route(Route::new("/restless", load(guest, sandbox)?))
        .route(Route::new("/...", hello));
    let host = Host::serve(HttpServer::of_tenants([tenant]).port(0))?;
    let mut restless = Vec::new();
    for _ in 0..RESTLESS {
        let mut client = Client::connect(host.address())?;
        client.send("GET /restless HTTP/1.0\r\n\r\n")?;
        restless.push(client);
    }
    eventually("all are here", || host.connections() >= RESTLESS)?;
    for _ in 0..10 {
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
fn others_are_answered_beside_handlers_that_sleep_again_and_again() -> Result<()> {
    check_answered_beside("nap")
}

#[test]
fn others_are_answered_beside_handlers_that_look_again_and_again() -> Result<()> {
    check_answered_beside("look_again")
}
