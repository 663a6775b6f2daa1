//! The names that requests go by, for clients and for handlers.

use std::time::Duration;

use anyhow::{Context, Result};
use picohttp_host::{HttpServer, Request, Response, Route, Tenant};
use picohttp_tests::client::{Answer, exchange};

/// Answers with the headers that it was given.
fn headers(request: &Request<'_>, response: &mut Response) {
    let lines = request.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
    response.data = Some(lines.collect::<String>().into());
    response.headers.push(("x-request-id".to_owned(), "the handler's".to_owned()));
}

/// What a handler saw of a request, and its answer.
fn named(request_ids: bool, header: &str) -> Result<(Answer, String)> {
    let server = HttpServer::new(headers).port(0).request_ids(request_ids).start()?;
    let answer = exchange(server.address(), format!("GET / HTTP/1.0\r\n{header}\r\n"))?;
    server.stop(Duration::from_secs(1));
    let seen = answer.text().to_owned();
    Ok((answer, seen))
}

#[test]
fn a_clients_id_is_kept_if_it_is_a_plain_word() -> Result<()> {
    let (answer, seen) = named(true, "x-request-id: 7b+/=:._-\r\n")?;
    assert_eq!(answer.header("X-Request-Id"), Some("7b+/=:._-"));
    assert_eq!(seen, "x-request-id: 7b+/=:._-\n");
    for header in ["", "x-request-id: a b\r\n", "x-request-id: a\r\nX-REQUEST-ID: b\r\n"] {
        let (answer, seen) = named(true, header)?;
        let id = answer.header("X-Request-Id").context("no id")?;
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert_eq!(seen, format!("X-Request-Id: {id}\n"));
    }
    Ok(())
}

#[test]
fn without_request_ids_headers_are_as_they_were() -> Result<()> {
    let (answer, seen) = named(false, "x-request-id: a b\r\n")?;
    assert_eq!(answer.header("X-Request-Id"), Some("the handler's"));
    assert_eq!(seen, "x-request-id: a b\n");
    Ok(())
}

#[test]
fn an_answer_of_the_hosts_has_an_id_too() -> Result<()> {
    let tenant = Tenant::new("acme").route(Route::new("/a/...", headers));
    let server = HttpServer::of_tenants([tenant]).port(0).request_ids(true).start()?;
    for request in [
        "GET /b HTTP/1.0\r\nX-Request-Id: a\r\n\r\n",
        "POST /b HTTP/1.0\r\nX-Request-Id: a\r\nContent-Length: 1\r\n\r\n",
    ] {
        let answer = exchange(server.address(), request)?;
        assert_eq!((answer.status, answer.header("X-Request-Id")), (404, Some("a")));
    }
    let answer = exchange(server.address(), "\0\r\n\r\n")?;
    assert_eq!((answer.status, answer.header("X-Request-Id").map(str::len)), (400, Some(16)));
    server.stop(Duration::from_secs(1));
    Ok(())
}

#[test]
fn a_trace_goes_on_in_the_handler() -> Result<()> {
    let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (_, seen) = named(true, &format!("{trace}\r\ntracestate: a=b\r\n"))?;
    assert!(seen.starts_with(&format!("{trace}\ntracestate: a=b\n")), "{seen}");
    Ok(())
}
