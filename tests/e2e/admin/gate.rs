//! Who may see it.

use anyhow::{Context, Result};
use picohttp_host::HttpServer;
use picohttp_tests::client::{Answer, Client, exchange};
use socket2::{Domain, Socket, Type};

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

/// Connects many more visitors than there is room for. Each begins to ask and goes no further.
fn silent_crowd(server: &Server) -> Result<Vec<Client>> {
    let visit = || {
        let mut client = Client::connect(server.admin())?;
        client.send("GET ")?;
        Ok(client)
    };
    (0..200).map(|_| visit()).collect()
}

#[test]
fn silent_visitors_keep_nobody_out() -> Result<()> {
    let server = two_tenants()?;
    let mut silent = silent_crowd(&server)?;
    for target in ["/healthz", "/metrics", "/status"] {
        assert_eq!(server.page(target)?.status, 200, "{target}");
    }
    // The one who has been silent longest has made room.
    assert_eq!(silent[0].read_all()?, b"");
    Ok(())
}

#[test]
fn silent_visitors_cut_no_answer_short() -> Result<()> {
    let server = two_tenants()?;
    let mut asking = Client::connect(server.admin())?;
    asking.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let first = asking.read(1)?;
    let _silent = silent_crowd(&server)?;
    assert_eq!(server.page("/healthz")?.status, 200);
    let answer = Answer::parse(&[first, asking.read_all()?].concat())?;
    assert_eq!(answer.header("Content-Length"), Some(answer.body.len().to_string().as_str()));
    Ok(())
}

/// Connects more visitors than are answered at once. Each asks for the dashboard, and takes so
/// little of it that the rest has no room on the way.
fn deaf_crowd(server: &Server) -> Result<Vec<Client>> {
    let visit = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_recv_buffer_size(1)?;
        socket.set_tcp_mss(88)?;
        socket.connect(&server.admin().into())?;
        let mut client = Client::new(socket.into())?;
        client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        Ok(client)
    };
    (0..40).map(|_| visit()).collect()
}

#[test]
fn visitors_that_take_no_answer_keep_nobody_out() -> Result<()> {
    let server = two_tenants()?;
    let _deaf = deaf_crowd(&server)?;
    for target in ["/healthz", "/metrics", "/status"] {
        assert_eq!(server.page(target)?.status, 200, "{target}");
    }
    Ok(())
}
