//! A limit that a request met: its name, for whoever looks.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use picohttp_host::config::{AccessLog, LogFormat, LogTarget};
use picohttp_host::{
    HttpServer, Quota, Rate, Request, Response, Route, RunningServer, Sandbox, Tenant, Timeouts,
};
use picohttp_tests::client::{Client, exchange};
use picohttp_tests::gate::{Gate, ask};
use picohttp_tests::host::eventually;
use picohttp_tests::sandbox::load;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A server that tells operators all, and stops when it is dropped.
struct Server {
    server: RunningServer,
    folder: TempDir,
}

impl Server {
    fn start(server: HttpServer) -> Result<Server> {
        let folder = tempfile::tempdir()?;
        let target = LogTarget::File(folder.path().join("log"));
        let log = AccessLog { target, format: LogFormat::Json };
        let server = server.port(0).admin("127.0.0.1:0".parse()?, None).access_log(log).start()?;
        Ok(Server { server, folder })
    }

    fn page(&self, target: &str) -> Result<String> {
        let admin = self.server.admin_address().context("no admin listener")?;
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Ok(exchange(admin, request)?.text().to_owned())
    }

    /// The limits that the access log names.
    fn logged_limits(&self) -> Result<Vec<Value>> {
        let log = fs::read_to_string(self.folder.path().join("log"))?;
        let lines = log.lines().map(serde_json::from_str::<Value>);
        let limits =
            lines.filter_map(|line| line.map(|line| line.get("limit").cloned()).transpose());
        Ok(limits.collect::<Result<_, _>>()?)
    }

    /// Has a request refused; it must be by this limit.
    fn assert_refused(&self, target: &str, limit: &str) -> Result<()> {
        let answer = ask(self.server.address(), target)?.answer()?;
        ensure!(answer.status == 503 && answer.header("Retry-After").is_some(), "{answer:?}");
        self.assert_last(limit)
    }

    /// The request that was answered last must have met this limit, and must be the only one.
    fn assert_last(&self, limit: &str) -> Result<()> {
        eventually("it is in the log", || self.logged_limits().is_ok_and(|all| !all.is_empty()))?;
        assert_eq!(self.logged_limits()?, [limit]);
        let status: Value = serde_json::from_str(&self.page("/status")?)?;
        assert_eq!(status["tenants"][0]["limits"], json!({ limit: 1 }));
        let series = format!("picohttp_limited_requests_total{{tenant=\"a\",limit=\"{limit}\"}} 1");
        let metrics = self.page("/metrics")?;
        ensure!(metrics.lines().any(|line| line == series), "{series}\n{metrics}");
        let last: Value = serde_json::from_str(&self.page("/log?tenant=a")?)?;
        let requests = last["requests"].as_array().context("no requests")?;
        ensure!(requests.iter().any(|request| request["limit"] == limit), "{last}");
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.server.stop(Duration::from_secs(1));
    }
}

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello".into());
}

const ONE_AN_HOUR: Quota = Quota {
    max_concurrent_requests: 10,
    max_queue: 10,
    rate: Some(Rate { per_second: 1.0 / 3600.0, burst: 1 }),
};

/// One at a time, and none in line.
const ONE: Quota = Quota { max_concurrent_requests: 1, max_queue: 0, rate: None };

/// Which of two limits is named, that of the route or of its tenant.
fn assert_rate_is_named(tenant: Quota, route: Quota, limit: &str) -> Result<()> {
    let route = Route::new("/...", hello).quota(route);
    let server =
        Server::start(HttpServer::of_tenants([Tenant::new("a").quota(tenant).route(route)]))?;
    assert_eq!(ask(server.server.address(), "/")?.answer()?.status, 200);
    server.assert_refused("/", limit)
}

#[test]
fn a_rate_of_a_route_is_named() -> Result<()> {
    assert_rate_is_named(Quota::default(), ONE_AN_HOUR, "route.requests_per_second")
}

#[test]
fn a_rate_of_a_tenant_is_named() -> Result<()> {
    assert_rate_is_named(ONE_AN_HOUR, Quota::default(), "tenant.requests_per_second")
}

#[test]
fn a_client_is_told_when_a_rate_allows_another_request() -> Result<()> {
    let hourly = Rate { per_second: 1.0 / 3600.0, burst: 1 };
    let often = Rate { per_second: 0.1, burst: 1 };
    let quota = |rate| Quota { rate: Some(rate), ..Quota::default() };
    // Who meets two of them must wait for the later.
    for (tenant, route) in [(often, hourly), (hourly, often)] {
        let route = Route::new("/...", hello).quota(quota(route));
        let tenant = Tenant::new("a").quota(quota(tenant)).route(route);
        let server = Server::start(HttpServer::of_tenants([tenant]))?;
        let get = || ask(server.server.address(), "/")?.answer();
        assert_eq!(get()?.status, 200);
        let answer = get()?;
        let seconds: u64 = answer.header("Retry-After").context("no header")?.parse()?;
        ensure!((3500..=3600).contains(&seconds), "{seconds}");
    }
    Ok(())
}

/// Which line is named that is full: a route's, a tenant's or the server's.
fn assert_queue_is_named(
    serve: impl FnOnce(Tenant) -> HttpServer,
    tenant: Quota,
    route: Quota,
    limit: &str,
) -> Result<()> {
    let (gate, handler) = Gate::new();
    let tenant = Tenant::new("a").quota(tenant).route(Route::new("/...", handler).quota(route));
    let server = Server::start(serve(tenant))?;
    let mut running = ask(server.server.address(), "/")?;
    gate.next()?;
    server.assert_refused("/", limit)?;
    gate.let_go(1)?;
    assert_eq!(running.answer()?.status, 200);
    Ok(())
}

#[test]
fn a_full_line_of_a_route_is_named() -> Result<()> {
    let server = |tenant| HttpServer::of_tenants([tenant]);
    assert_queue_is_named(server, Quota::default(), ONE, "route.max_queue")
}

#[test]
fn a_full_line_of_a_tenant_is_named() -> Result<()> {
    let server = |tenant| HttpServer::of_tenants([tenant]);
    assert_queue_is_named(server, ONE, Quota::default(), "tenant.max_queue")
}

#[test]
fn a_full_line_of_the_server_is_named() -> Result<()> {
    let server = |tenant| HttpServer::of_tenants([tenant]).threads(false).max_queue(0);
    assert_queue_is_named(server, Quota::default(), Quota::default(), "server.max_queue")
}

#[test]
fn who_waited_too_long_in_line_learns_of_it() -> Result<()> {
    let (gate, handler) = Gate::new();
    let tenant = Tenant::new("a").route(Route::new("/...", handler));
    let timeouts = Timeouts { queue: Duration::from_millis(100), ..Timeouts::default() };
    let server = HttpServer::of_tenants([tenant]).threads(false).timeouts(timeouts);
    let server = Server::start(server)?;
    let _running = ask(server.server.address(), "/")?;
    gate.next()?;
    server.assert_refused("/", "queue_timeout")?;
    gate.let_go(1)
}

#[test]
fn where_nobody_may_wait_those_are_served_who_need_not() -> Result<()> {
    let timeouts = Timeouts { queue: Duration::ZERO, ..Timeouts::default() };
    let server = HttpServer::of_tenants([Tenant::new("a").route(Route::new("/...", hello))]);
    let server = Server::start(server.timeouts(timeouts))?;
    assert_eq!(ask(server.server.address(), "/")?.answer()?.status, 200);
    Ok(())
}

#[test]
fn what_all_may_hold_together_is_named() -> Result<()> {
    let large = |_: &Request<'_>, response: &mut Response| {
        response.data = Some(vec![b'a'; 1 << 20]);
    };
    let tenant = Tenant::new("a").route(Route::new("/...", large));
    let server = Server::start(HttpServer::of_tenants([tenant]).max_buffered(1 << 19))?;
    server.assert_refused("/", "max_buffered")
}

/// Which limit of a guest's is named.
fn assert_guests_limit_is_named(
    guest: &str,
    sandbox: Sandbox,
    max_memory: usize,
    status: u16,
    limit: &str,
) -> Result<()> {
    let guest = load(guest, sandbox)?;
    let tenant = Tenant::new("a").max_memory(max_memory).route(Route::new("/...", guest));
    let server = Server::start(HttpServer::of_tenants([tenant]))?;
    assert_eq!(ask(server.server.address(), "/")?.answer()?.status, status);
    server.assert_last(limit)
}

#[test]
fn the_memory_of_a_tenant_is_named() -> Result<()> {
    assert_guests_limit_is_named("answer", Sandbox::default(), 1, 503, "max_memory_total")
}

#[test]
fn the_memory_of_an_instance_is_named() -> Result<()> {
    let small = Sandbox { max_memory: 2 << 20, ..Sandbox::default() };
    assert_guests_limit_is_named("eat_memory", small, usize::MAX, 500, "max_memory")
}

#[test]
fn the_size_of_a_response_is_named() -> Result<()> {
    let small = Sandbox { max_response: 1 << 20, ..Sandbox::default() };
    assert_guests_limit_is_named("aliased_body", small, usize::MAX, 502, "max_response_size")
}

/// Which limit is named when a client has sent this and no more.
fn assert_clients_limit_is_named(timeouts: Timeouts, begun: &str, limit: &str) -> Result<()> {
    let server = HttpServer::of_tenants([Tenant::new("a").route(Route::new("/...", hello))]);
    let server = Server::start(server.timeouts(timeouts))?;
    let mut client = Client::connect(server.server.address())?;
    client.send(begun)?;
    assert_eq!(client.answer()?.status, 408);
    eventually("it is in the log", || server.logged_limits().is_ok_and(|all| !all.is_empty()))?;
    assert_eq!(server.logged_limits()?, [limit]);
    Ok(())
}

#[test]
fn who_is_slow_with_a_head_or_a_body_is_told_apart() -> Result<()> {
    let head = Timeouts { head: Duration::from_secs(1), ..Timeouts::default() };
    assert_clients_limit_is_named(head, "GET / HTTP/1.0\r\n", "head_timeout")?;
    let body = Timeouts { body: Duration::from_millis(100), ..Timeouts::default() };
    let begun = "POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\n";
    assert_clients_limit_is_named(body, begun, "body_timeout")
}

#[test]
fn of_two_times_the_one_that_was_over_is_named() -> Result<()> {
    let short = Some(Duration::from_millis(50));
    let [timeout, cpu_time] = [
        Sandbox { timeout: Duration::from_millis(50), ..Sandbox::default() },
        Sandbox { cpu_time: short, ..Sandbox::default() },
    ];
    assert_guests_limit_is_named("spin", timeout, usize::MAX, 504, "timeout")?;
    assert_guests_limit_is_named("spin", cpu_time, usize::MAX, 504, "cpu_time")
}

#[test]
fn who_waits_in_line_when_the_server_ends_is_told_and_in_the_log() -> Result<()> {
    let (gate, handler) = Gate::new();
    let tenant = Tenant::new("a").route(Route::new("/...", handler));
    let server = Server::start(HttpServer::of_tenants([tenant]).threads(false))?;
    let _running = ask(server.server.address(), "/running")?;
    gate.next()?;
    let mut waiting = ask(server.server.address(), "/waiting")?;
    eventually("it waits", || server.server.waiting() == 1)?;
    assert_eq!(server.server.stop(Duration::from_millis(100)), 2);
    let answer = waiting.answer()?;
    ensure!((answer.status, answer.header("Retry-After")) == (503, Some("1")), "{answer:?}");
    let log = fs::read_to_string(server.folder.path().join("log"))?;
    let line: Value = serde_json::from_str(log.lines().next().context("no line")?)?;
    assert_eq!((&line["target"], &line["limit"]), (&json!("/waiting"), &json!("shutdown_timeout")));
    ensure!(line["queue_us"].as_u64().is_some_and(|time| time >= 100_000), "{line}");
    gate.let_go(1)
}
