//! What all clients may take together.

use std::time::Duration;

use anyhow::Result;
use picohttp_host::{HttpServer, Request, Response};
use picohttp_tests::client::{Client, PATIENCE};
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
    let server = HttpServer::new(hello).max_buffered(3 << 20);
    let host = Host::serve(server)?;
    let head = "POST / HTTP/1.1\r\nContent-Length: 2097152\r\n\r\n";
    let almost = head.to_owned() + &"a".repeat((2 << 20) - 1);
    let mut first = Client::connect(host.address())?;
    first.send(&almost)?;
    let mut second = Client::connect(host.address())?;
    second.send(&almost)?;
    let refused = |client: &mut Client| -> Result<bool> {
        client.0.set_read_timeout(Some(Duration::from_millis(1)))?;
        let answered = client.0.peek(&mut [0]).is_ok();
        client.0.set_read_timeout(Some(PATIENCE))?;
        Ok(answered)
    };
    let mut which = None;
    eventually("one of them is refused", || {
        which = [&mut first, &mut second].into_iter().position(|client| refused(client).unwrap());
        which.is_some()
    })?;
    let (refused, other) =
        if which == Some(0) { (&mut first, &mut second) } else { (&mut second, &mut first) };
    let answer = refused.answer()?;
    assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("1")));
    other.send("a")?;
    assert_eq!(other.answer()?.status, 200);
    Ok(())
}
