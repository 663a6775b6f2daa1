//! What all clients may take together.

use anyhow::Result;
use picohttp_host::{HttpServer, Request, Response};
use picohttp_tests::client::Client;
use picohttp_tests::host::{Host, eventually};

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello world!".to_vec());
}

#[test]
fn connections_over_the_limit_are_closed_as_they_come() -> Result<()> {
    let host = Host::serve(HttpServer::new(hello).max_connections(2))?;
    let clients = (0..2).map(|_| Client::connect(host.address())).collect::<Result<Vec<_>>>()?;
    eventually("both are open", || host.connections() == 2)?;
    assert_eq!(Client::connect(host.address())?.read_all().unwrap_or_default(), b"");
    drop(clients);
    eventually("there is room again", || host.get("/world").is_ok())
}

#[test]
fn bodies_over_what_all_may_hold_together_are_refused() -> Result<()> {
    let host = Host::serve(HttpServer::new(hello).max_buffered(1 << 20))?;
    let post = |length: usize| {
        let head = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        host.exchange(head + &"a".repeat(length))
    };
    let refused = post(2 << 20)?;
    assert_eq!((refused.status, refused.header("Retry-After")), (503, Some("1")));
    // What it held is given back.
    assert_eq!(post(512 << 10)?.status, 200);
    Ok(())
}
