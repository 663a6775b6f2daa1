//! Who may see it.

use std::io::Write;

use anyhow::{Context, Result};
use picohttp_host::HttpServer;
use picohttp_tests::client::{Client, exchange};
use picohttp_tests::host::eventually;

use super::{Server, tenants, two_tenants};

#[test]
fn without_a_token_only_local_names_are_answered() -> Result<()> {
    let server = two_tenants()?;
    let named = |host: &str| {
        exchange(server.admin(), format!("GET /status HTTP/1.1\r\nHost: {host}\r\n\r\n"))
    };
    assert_eq!(named("127.0.0.1:1")?.status, 200);
    assert_eq!(named("rebound.example")?.status, 421);
    Ok(())
}

#[test]
fn with_a_token_only_health_is_for_all() -> Result<()> {
    let server = Server::start(HttpServer::of_tenants(tenants()), Some("secret"))?;
    for target in ["/", "/status", "/metrics", "/log?tenant=a", "/?token=other", "/nothing"] {
        let answer = server.page(target)?;
        assert_eq!(
            (answer.status, answer.header("WWW-Authenticate")),
            (401, Some("Bearer")),
            "{target}"
        );
    }
    for target in ["/healthz", "/readyz"] {
        assert_eq!(server.page(target)?.status, 200, "{target}");
    }
    let request =
        "GET /status HTTP/1.1\r\nHost: any.example\r\nAuthorization: Bearer secret\r\n\r\n";
    assert_eq!(exchange(server.admin(), request)?.status, 200);
    Ok(())
}

#[test]
fn a_browser_shows_the_token_once() -> Result<()> {
    let server = Server::start(HttpServer::of_tenants(tenants()), Some("secret"))?;
    let welcome = server.page("/?token=secret")?;
    assert_eq!((welcome.status, welcome.header("Location")), (303, Some("/")));
    let cookie = welcome.header("Set-Cookie").context("no cookie")?;
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    let cookie = cookie.split(';').next().unwrap_or_default();
    let request = format!("GET /status HTTP/1.1\r\nCookie: {cookie}\r\n\r\n");
    assert_eq!(exchange(server.admin(), request)?.status, 200);
    Ok(())
}

#[test]
fn the_dashboard_may_run_nothing_but_itself() -> Result<()> {
    let page = two_tenants()?.page("/")?;
    assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
    let policy = page.header("Content-Security-Policy").context("no policy")?;
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("X-Content-Type-Options"), Some("nosniff"));
    Ok(())
}

#[test]
fn what_is_not_a_small_get_is_refused() -> Result<()> {
    let server = two_tenants()?;
    let status = |request: &str| Ok::<_, anyhow::Error>(exchange(server.admin(), request)?.status);
    assert_eq!(status("POST /status HTTP/1.1\r\n\r\n")?, 405);
    assert_eq!(status("POST /status HTTP/1.1\r\nContent-Length: 5\r\n\r\n")?, 413);
    assert_eq!(status("what\0\r\n\r\n")?, 400);
    assert_eq!(status(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(7000)))?, 404);
    let head = exchange(server.admin(), "HEAD /status HTTP/1.1\r\n\r\n")?;
    assert_eq!((head.status, head.body.len()), (200, 0));
    Ok(())
}

#[test]
fn too_many_visitors_are_turned_away() -> Result<()> {
    let server = two_tenants()?;
    let mut idle = Vec::new();
    for _ in 0..16 {
        let mut client = Client::connect(server.admin())?;
        client.0.write_all(b"GET ")?;
        idle.push(client);
    }
    eventually("one more is closed at once", || {
        Client::connect(server.admin())
            .is_ok_and(|mut client| client.read_all().is_ok_and(|answer| answer.is_empty()))
    })?;
    drop(idle);
    eventually("there is room again", || server.page("/healthz").is_ok())?;
    Ok(())
}
