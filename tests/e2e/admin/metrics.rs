//! What is counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use anyhow::Result;
use picohttp_host::config::{AccessLog, LogFormat, LogTarget};
use picohttp_host::{
    Cache, Component, HttpServer, Quota, Request, Response, Route, Sandbox, Tenant, Timeouts,
};
use picohttp_tests::client::Client;
use picohttp_tests::host::eventually;
use picohttp_tests::sandbox::{bytes, engine, load};

use super::{Server, hello, tenants, two_tenants};
use crate::tls::peer::Identity;

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
fn the_documentation_names_every_metric_and_no_other() -> Result<()> {
    let cache = Cache::none();
    let server = HttpServer::of_tenants(tenants()).report_cache(&cache);
    let folder = tempfile::tempdir()?;
    let target = LogTarget::File(folder.path().join("log"));
    let server = server.access_log(AccessLog { target, format: LogFormat::Text });
    let server = Server::start(server.tls(Identity::new()?.tls()?), None)?;
    let page = server.page("/metrics")?;
    let types = page.text().lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let served: BTreeMap<&str, &str> = types.filter_map(|line| line.split_once(' ')).collect();
    let text = include_str!("../../../docs/observing.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `p")?.split_once("` | "));
    let documented = rows.filter_map(|(name, rest)| Some((name, rest.split_once(" | ")?.0)));
    let documented: BTreeMap<String, &str> = documented
        .map(|(name, kind)| (format!("p{}", name.trim_end_matches("_total")), kind))
        .collect();
    assert!(
        documented.iter().map(|(name, kind)| (name.as_str(), *kind)).eq(served),
        "{documented:?}"
    );
    Ok(())
}

#[test]
fn the_end_of_the_certificate_is_shown_and_that_of_the_next() -> Result<()> {
    let server = HttpServer::of_tenants(tenants()).tls(Identity::of_years(2000, 2001)?.tls()?);
    let server = Server::start(server, None)?;
    let metric = || server.metric("picohttp_certificate_not_after_seconds");
    assert_eq!(metric()?, Some(978_307_200.0));
    assert_eq!(server.status()?["certificate_not_after"], 978_307_200.0);
    server.0.replace_tls(Identity::of_years(2000, 2002)?.tls()?);
    assert_eq!(metric()?, Some(1_009_843_200.0));
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
    let prefixes = ["picohttp_", "process_"];
    assert!(series.iter().all(|series| prefixes.iter().any(|prefix| series.starts_with(prefix))));
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
    assert!(seconds.is_some_and(|seconds| seconds > 0.0), "{seconds:?}");
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
fn a_connection_is_closed_for_the_reason_that_its_client_was_told() -> Result<()> {
    let timeouts = Timeouts { head: Duration::from_millis(200), ..Timeouts::default() };
    let server = Server::start(HttpServer::new(hello).timeouts(timeouts), None)?;
    for (request, status, reason) in [
        ("GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n", 501, "unreadable"),
        ("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "unreadable"),
        ("POST / HTTP/1.0\r\n\r\n", 200, "one-request"),
        ("GET /unfinished", 408, "slow-request"),
    ] {
        let series = format!(r#"picohttp_closed_connections_total{{reason="{reason}"}}"#);
        let before = server.metric(&series)?.unwrap_or_default();
        let mut client = Client::connect(server.0.address())?;
        client.send(request)?;
        assert_eq!(client.answer()?.status, status, "{request:?}");
        drop(client);
        let is_counted = || server.metric(&series).is_ok_and(|now| now == Some(before + 1.0));
        eventually(reason, is_counted)?;
    }
    Ok(())
}

#[test]
fn who_is_closed_as_there_are_too_many_is_counted() -> Result<()> {
    let server = Server::start(HttpServer::new(hello).max_connections(8), None)?;
    let clients =
        (0..8).map(|_| Client::connect(server.0.address())).collect::<Result<Vec<_>>>()?;
    eventually("all are here", || server.0.connections() == 8)?;
    assert_eq!(Client::connect(server.0.address())?.read_all()?, b"");
    drop(clients);
    let series = r#"picohttp_closed_connections_total{reason="too-many-connections"}"#;
    assert_eq!(server.metric(series)?, Some(1.0));
    Ok(())
}

#[test]
fn who_is_refused_at_once_has_not_waited_in_line() -> Result<()> {
    let quota = Quota { max_queue: 0, max_concurrent_requests: 1, ..Quota::default() };
    let (begun, release) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let barriers = (Arc::clone(&begun), Arc::clone(&release));
    let hold = move |_: &Request<'_>, _: &mut Response| {
        barriers.0.wait();
        barriers.1.wait();
    };
    let tenant = Tenant::new("a").route(Route::new("/...", hold).quota(quota));
    let server = Server::start(HttpServer::of_tenants([tenant]), None)?;
    let mut first = Client::connect(server.0.address())?;
    first.send("GET / HTTP/1.0\r\n\r\n")?;
    begun.wait();
    assert_eq!(server.get("a", "/")?.status, 503);
    release.wait();
    assert_eq!(first.answer()?.status, 200);
    let count =
        |name: &str| server.metric(&format!(r#"picohttp_{name}_seconds_count{{tenant="a"}}"#));
    assert_eq!((count("request")?, count("queue")?), (Some(2.0), Some(1.0)));
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
    let server = Server::start(HttpServer::new(load()?).report_cache(&cache), None)?;
    for result in ["hit", "miss", "compiled"] {
        let series = format!(r#"picohttp_component_loads_total{{result="{result}"}}"#);
        assert_eq!(server.metric(&series)?, Some(1.0), "{result}");
    }
    Ok(())
}
