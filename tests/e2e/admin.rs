//! What an operator sees, and who may see it.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result};
use picohttp_host::{
    Cache, Component, HttpServer, Quota, Request, Response, Route, RunningServer, Sandbox, Tenant,
};
use picohttp_tests::client::{Answer, Client, exchange};
use picohttp_tests::host::eventually;
use picohttp_tests::sandbox::{bytes, engine, load};
use serde_json::Value;

const ANYWHERE: &str = "127.0.0.1:0";

/// A server with an admin listener, that stops when it is dropped.
struct Server(RunningServer);

impl Server {
    fn start(server: HttpServer, token: Option<&str>) -> Result<Server> {
        let server = server.port(0).admin(ANYWHERE.parse()?, token.map(str::to_owned));
        Ok(Server(server.start()?))
    }

    fn admin(&self) -> SocketAddr {
        self.0.admin_address().expect("there is an admin listener")
    }

    /// Asks for a page.
    fn page(&self, target: &str) -> Result<Answer> {
        exchange(self.admin(), format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    fn status(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.page("/status")?.body)?)
    }

    /// The value of a series, given its name and labels.
    fn metric(&self, series: &str) -> Result<Option<f64>> {
        let page = self.page("/metrics")?;
        let line =
            page.text().lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        Ok(line.map(str::parse).transpose()?)
    }

    /// Has a tenant's handler asked.
    fn get(&self, host: &str, target: &str) -> Result<Answer> {
        exchange(self.0.address(), format!("GET {target} HTTP/1.0\r\nHost: {host}\r\n\r\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.stop(Duration::from_secs(1));
    }
}

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello".into());
}

fn teapot(_: &Request<'_>, response: &mut Response) {
    response.status = 418;
}

/// Two tenants: `a` with the routes `/hello` and `/pots/...`, and `b` with all.
fn tenants() -> [Tenant; 2] {
    let a = Tenant::new("a").hosts(["a.example"]);
    let b = Tenant::new("b").hosts(["b.example"]);
    let a = a.quota(Quota { max_concurrent_requests: 7, max_queue: 9, ..Quota::default() });
    [
        a.max_memory(1 << 20)
            .route(Route::new("/hello", hello))
            .route(Route::new("/pots/...", teapot)),
        b.route(Route::new("/...", hello)),
    ]
}

fn two_tenants() -> Result<Server> {
    Server::start(HttpServer::of_tenants(tenants()), None)
}

#[test]
fn requests_are_counted_by_tenant_route_status_and_reason() -> Result<()> {
    let server = two_tenants()?;
    for target in ["/hello", "/hello", "/pots/1"] {
        server.get("a.example", target)?;
    }
    server.get("nobody.example", "/hello")?;
    let requests = |rest: &str| server.metric(&format!("picohttp_requests_total{{{rest}}}"));
    let hello = r#"tenant="a",route="/hello",status="2xx",reason="answered""#;
    assert_eq!(requests(hello)?, Some(2.0));
    let pots = r#"tenant="a",route="/pots/...",status="4xx",reason="answered""#;
    assert_eq!(requests(pots)?, Some(1.0));
    let sent = r#"picohttp_sent_bytes_total{tenant="a",route="/hello"}"#;
    assert_eq!(server.metric(sent)?, Some(10.0));
    let unrouted = r#"picohttp_unrouted_requests_total{reason="no-route"}"#;
    assert_eq!(server.metric(unrouted)?, Some(1.0));
    Ok(())
}

#[test]
fn the_page_is_one_that_is_scraped() -> Result<()> {
    let server = two_tenants()?;
    server.get("a.example", "/hello")?;
    let page = server.page("/metrics")?;
    let content_type = page.header("Content-Type").unwrap_or_default();
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"));
    let text = page.text();
    assert!(text.ends_with("# EOF\n"));
    let mut series: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.rsplit_once(' ')?.0))
        .collect();
    let count = series.len();
    assert!(series.iter().all(|series| series.starts_with("picohttp_")));
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), count, "a series is there twice");
    let bucket = r#"picohttp_request_seconds_bucket{le="+Inf",tenant="a"}"#;
    assert_eq!(server.metric(bucket)?, Some(1.0));
    let bound = r#"picohttp_max_running_requests{tenant="a"}"#;
    assert_eq!(server.metric(bound)?, Some(7.0));
    Ok(())
}

#[test]
fn counters_survive_a_reload_and_end_with_their_tenant() -> Result<()> {
    let server = two_tenants()?;
    server.get("a.example", "/hello")?;
    server.get("b.example", "/")?;
    server.0.replace(tenants().into_iter().take(1))?;
    server.get("a.example", "/hello")?;
    let hello =
        r#"picohttp_requests_total{tenant="a",route="/hello",status="2xx",reason="answered"}"#;
    assert_eq!(server.metric(hello)?, Some(2.0));
    assert!(!server.page("/metrics")?.text().contains(r#"tenant="b""#));
    let [one, _] = tenants();
    let [other, _] = tenants();
    assert!(server.0.replace([one, other]).is_err());
    assert_eq!(server.metric(r#"picohttp_reloads_total{result="done"}"#)?, Some(1.0));
    assert_eq!(server.metric(r#"picohttp_reloads_total{result="failed"}"#)?, Some(1.0));
    Ok(())
}

#[test]
fn series_are_bounded() -> Result<()> {
    let tenants = (0..1003).map(|number| {
        let name = format!("t{number}");
        Tenant::new(&name).hosts([format!("{name}.example")]).route(Route::new("/...", hello))
    });
    let server = Server::start(HttpServer::of_tenants(tenants), None)?;
    for number in [0, 1000, 1002] {
        server.get(&format!("t{number}.example"), "/")?;
    }
    let requests = |tenant: &str, route: &str| {
        let labels = format!(r#"tenant="{tenant}",route="{route}",status="2xx",reason="answered""#);
        server.metric(&format!("picohttp_requests_total{{{labels}}}"))
    };
    assert_eq!(requests("t0", "/...")?, Some(1.0));
    assert_eq!(requests("t1000", "/...")?, None);
    assert_eq!(requests("_other", "_other")?, Some(2.0));
    Ok(())
}

#[test]
fn a_guest_that_is_killed_is_counted_with_what_it_took() -> Result<()> {
    let sandbox = Sandbox { timeout: Duration::from_millis(50), ..Sandbox::default() };
    let server = Server::start(HttpServer::new(load("spin", sandbox)?), None)?;
    assert_eq!(server.get("a", "/")?.status, 504);
    let kills = r#"picohttp_kills_total{tenant="default",reason="timeout"}"#;
    assert_eq!(server.metric(kills)?, Some(1.0));
    let seconds = server.metric(r#"picohttp_guest_seconds_sum{tenant="default"}"#)?;
    assert!(seconds.is_some_and(|seconds| seconds >= 0.04), "{seconds:?}");
    for name in ["queue", "instantiate", "guest_cpu", "request"] {
        let count = format!(r#"picohttp_{name}_seconds_count{{tenant="default"}}"#);
        assert_eq!(server.metric(&count)?, Some(1.0), "{name}");
    }
    Ok(())
}

#[test]
fn connections_are_counted_by_why_they_are_closed() -> Result<()> {
    let server = two_tenants()?;
    server.get("a.example", "/hello")?;
    drop(Client::connect(server.0.address())?);
    let closed =
        |reason: &str| format!(r#"picohttp_closed_connections_total{{reason="{reason}"}}"#);
    let is_one = |series: String| server.metric(&series).is_ok_and(|value| value == Some(1.0));
    eventually("one is closed after its request", || is_one(closed("one-request")))?;
    eventually("one is closed by its client", || is_one(closed("client-closed")))?;
    Ok(())
}

#[test]
fn the_cache_is_counted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cache = Cache::in_folder(folder.path());
    let load = || {
        Component::from_bytes(engine()?, "eat", &bytes("panic")?, Sandbox::default(), &cache)
            .map_err(anyhow::Error::from)
    };
    load()?;
    let server = Server::start(HttpServer::new(load()?).cache(&cache), None)?;
    for result in ["hit", "miss", "compiled"] {
        let series = format!(r#"picohttp_component_loads_total{{result="{result}"}}"#);
        assert_eq!(server.metric(&series)?, Some(1.0), "{result}");
    }
    Ok(())
}

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
