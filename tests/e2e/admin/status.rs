//! How things stand now.

use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use picohttp_host::{HttpServer, Request, Response, Route, Sandbox, Tenant};
use picohttp_tests::client::Client;
use picohttp_tests::host::eventually;
use picohttp_tests::sandbox::load;
use serde_json::Value;

use super::{Server, two_tenants};

#[test]
fn the_status_tells_of_every_tenant_and_route() -> Result<()> {
    let server = two_tenants()?;
    server.get("a.example", "/hello")?;
    server.get("a.example", "/pots/1")?;
    let status = server.status()?;
    assert_eq!(status["ready"], true);
    assert_eq!(status["address"], server.0.address().to_string());
    let a = &status["tenants"][0];
    assert_eq!((&a["name"], &a["hosts"][0]), (&"a".into(), &"a.example".into()));
    assert_eq!((&a["max_running"], &a["max_waiting"]), (&7.into(), &9.into()));
    assert_eq!(a["max_memory_bytes"], 1 << 20);
    assert_eq!(a["reasons"]["answered"], 2);
    assert_eq!(a["routes"][1]["path"], "/pots/...");
    assert_eq!(a["routes"][1]["statuses"]["4xx"], 1);
    assert!(a["recent"]["requests_per_second"].as_f64() > Some(0.0));
    assert!(a["recent"]["p99"].as_f64() > Some(0.0));
    let b = &status["tenants"][1];
    assert_eq!((&b["max_running"], &b["recent"]["p50"]), (&Value::Null, &Value::Null));
    Ok(())
}

#[test]
fn the_status_counts_latencies_and_shows_the_routes_that_are_asked_for() -> Result<()> {
    let server = two_tenants()?;
    for (host, target) in [("a.example", "/hello"), ("a.example", "/pots/1"), ("b.example", "/")] {
        server.get(host, target)?;
    }
    let status: Value = serde_json::from_slice(&server.page("/status?routes=%62")?.body)?;
    let count = |of: &Value| -> Option<u64> {
        of["latency"].as_array().map(|counts| counts.iter().filter_map(Value::as_u64).sum())
    };
    let (a, b) = (&status["tenants"][0], &status["tenants"][1]);
    assert_eq!([&status, a, b].map(count), [Some(3), Some(2), Some(1)]);
    assert_eq!((a.get("routes"), &b["routes"][0]["path"]), (None, &"/...".into()));
    assert!(status["resident_bytes"].as_u64() > Some(1 << 20));
    assert!(status["cpu_seconds"].as_f64() > Some(0.0));
    Ok(())
}

#[test]
fn a_tenant_that_goes_takes_no_latency_of_the_whole_with_it() -> Result<()> {
    let server = two_tenants()?;
    server.get("b.example", "/")?;
    let hello = |_: &Request<'_>, _: &mut Response| {};
    server.0.replace([Tenant::new("a").route(Route::new("/...", hello))])?;
    let status = server.status()?;
    assert_eq!(status["tenants"].as_array().map(Vec::len), Some(1));
    let latency = status["latency"].as_array().context("no latency")?;
    assert_eq!(latency.iter().filter_map(Value::as_u64).sum::<u64>(), 1);
    Ok(())
}

#[test]
fn who_runs_and_waits_is_shown_while_it_does() -> Result<()> {
    let (release, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let slow = move |_: &Request<'_>, _: &mut Response| {
        let _ = gate.lock().map(|gate| gate.recv());
    };
    let server = HttpServer::new(slow).max_concurrent_requests(1);
    let server = Server::start(server, None)?;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(server.0.address())?;
        client.send("GET / HTTP/1.0\r\n\r\n")?;
        clients.push(client);
    }
    let shown = |name: &str| server.status().is_ok_and(|status| status["tenants"][0][name] == 1);
    eventually("one runs", || shown("running"))?;
    eventually("one waits", || shown("waiting"))?;
    drop(release);
    for mut client in clients {
        assert_eq!(client.answer()?.status, 200);
    }
    Ok(())
}

#[test]
fn a_tenants_log_has_its_last_requests_and_lines() -> Result<()> {
    let talk = Tenant::new("a b")
        .hosts(["a.example"])
        .route(Route::new("/...", load("talk", Sandbox::default())?));
    let server = Server::start(HttpServer::of_tenants([talk]), None)?;
    server.get("a.example", "/lines?x")?;
    let log: Value = serde_json::from_slice(&server.page("/log?tenant=a%20b")?.body)?;
    let request = &log["requests"][0];
    assert_eq!((&log["tenant"], &request["target"]), (&"a b".into(), &"/lines?x".into()));
    assert_eq!((&request["status"], &request["reason"]), (&200.into(), &"answered".into()));
    assert_eq!(request["client"], "127.0.0.1");
    let lines: Vec<_> = log["output"].as_array().context("no lines")?.iter().collect();
    assert_eq!((&lines[0]["text"], &lines[0]["stream"]), (&"first".into(), &"stdout".into()));
    assert_eq!(lines[0]["request"], request["request"]);
    assert_eq!(server.page("/log?tenant=a")?.status, 404);
    Ok(())
}

#[test]
fn what_operators_read_moves_no_terminal() -> Result<()> {
    let hello = |_: &Request<'_>, _: &mut Response| {};
    let server = HttpServer::of_tenants([Tenant::new("a").route(Route::new("/...", hello))]);
    let server = Server::start(server, None)?;
    let target = "/\u{9b}31m\u{202e}";
    server.get("a", target)?;
    let page = server.page("/log?tenant=a")?;
    assert!(page.body.is_ascii(), "{page:?}");
    let log: Value = serde_json::from_slice(&page.body)?;
    assert_eq!(log["requests"][0]["target"], target);
    Ok(())
}

#[test]
fn a_server_that_stops_is_alive_and_not_ready() -> Result<()> {
    let (release, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let slow = move |_: &Request<'_>, _: &mut Response| {
        let _ = gate.lock().map(|gate| gate.recv());
    };
    let server = Server::start(HttpServer::new(slow), None)?;
    assert_eq!(server.page("/readyz")?.status, 200);
    let mut client = Client::connect(server.0.address())?;
    client.send("GET / HTTP/1.0\r\n\r\n")?;
    eventually("it runs", || {
        server.status().is_ok_and(|status| status["requests"]["running"] == 1)
    })?;
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| server.0.stop(Duration::from_secs(60)));
        let not_ready = || server.page("/readyz").is_ok_and(|answer| answer.status == 503);
        eventually("it is not ready", not_ready)?;
        assert_eq!(server.page("/healthz")?.status, 200);
        drop(release);
        assert_eq!(client.answer()?.status, 200);
        assert_eq!(stop.join().ok(), Some(0));
        Ok(())
    })
}
