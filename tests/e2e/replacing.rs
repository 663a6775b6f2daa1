//! Other tenants, without a pause: what has begun goes on, and what cannot be served
//! changes nothing.

use anyhow::Result;
use picohttp_host::{
    CatalogError, Handler, HttpServer, Quota, Rate, Request, Response, Route, Tenant,
};
use picohttp_tests::client::Client;
use picohttp_tests::gate::{Gate, ask};
use picohttp_tests::host::{Host, eventually};

fn says(text: &'static str) -> impl Handler {
    move |_: &Request<'_>, response: &mut Response| response.data = Some(text.into())
}

/// A tenant for all paths.
fn tenant(name: &str, handler: impl Handler) -> Tenant {
    Tenant::new(name).route(Route::new("/...", handler))
}

fn only(max_concurrent_requests: usize, max_queue: usize) -> Quota {
    Quota { max_concurrent_requests, max_queue, rate: None }
}

#[test]
fn who_comes_later_is_answered_by_what_came_later() -> Result<()> {
    let host = Host::serve(HttpServer::of_tenants([tenant("a", says("old"))]))?;
    assert_eq!(host.get("/")?.text(), "old");
    let new = Tenant::new("a").hosts(["a.test"]).route(Route::new("/new", says("new")));
    host.replace([new, tenant("others", says("others"))])?;
    assert_eq!(host.get("/new")?.text(), "others");
    let of_a =
        |target: &str| host.exchange(format!("GET {target} HTTP/1.0\r\nHost: a.test\r\n\r\n"));
    assert_eq!(of_a("/new")?.text(), "new");
    assert_eq!(of_a("/")?.status, 404);
    Ok(())
}

#[test]
fn a_request_that_runs_keeps_its_handler_even_if_its_tenant_goes() -> Result<()> {
    let (gate, handler) = Gate::new();
    let host = Host::serve(HttpServer::of_tenants([tenant("old", handler)]))?;
    let mut running = ask(host.address(), "/running")?;
    gate.next()?;
    host.replace([tenant("new", says("new"))])?;
    assert_eq!(host.get("/")?.text(), "new");
    gate.let_go(1)?;
    let answer = running.answer()?;
    assert_eq!((answer.status, answer.text()), (200, ""));
    Ok(())
}

#[test]
fn a_request_that_waits_keeps_its_handler() -> Result<()> {
    let (gate, handler) = Gate::new();
    let host = Host::serve(HttpServer::of_tenants([tenant("a", handler).quota(only(1, 9))]))?;
    let mut clients = vec![ask(host.address(), "/1")?];
    gate.next()?;
    clients.push(ask(host.address(), "/2")?);
    eventually("it waits", || host.waiting() == 1)?;
    host.replace([tenant("b", says("new"))])?;
    gate.let_go(2)?;
    for client in &mut clients {
        assert_eq!(client.answer()?.text(), "");
    }
    assert_eq!(gate.next()?, "2");
    Ok(())
}

#[test]
fn a_request_whose_head_has_come_keeps_its_handler_and_its_limits() -> Result<()> {
    let route = |handler: &'static str, bytes: u64| {
        Tenant::new("a").route(Route::new("/...", says(handler)).max_body_size(bytes))
    };
    let host = Host::serve(HttpServer::of_tenants([route("old", 10)]))?;
    let mut begun = Client::connect(host.address())?;
    begun.send("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")?;
    assert!(begun.read(25)?.ends_with(b"100 Continue\r\n\r\n"));
    host.replace([route("new", 5)])?;
    begun.send("0123456789")?;
    assert_eq!(begun.answer()?.text(), "old");
    let large = "POST / HTTP/1.0\r\nContent-Length: 10\r\n\r\n0123456789";
    assert_eq!(host.exchange(large)?.status, 413);
    Ok(())
}

#[test]
fn who_runs_still_counts() -> Result<()> {
    let (gate, handler) = Gate::new();
    let host = Host::serve(HttpServer::of_tenants([tenant("a", handler).quota(only(1, 0))]))?;
    let mut running = ask(host.address(), "/")?;
    gate.next()?;
    for _ in 0..3 {
        host.replace([tenant("a", says("new")).quota(only(1, 0))])?;
        assert_eq!(host.get("/")?.status, 503);
    }
    gate.let_go(1)?;
    assert_eq!(running.answer()?.status, 200);
    assert_eq!(host.get("/")?.text(), "new");
    Ok(())
}

#[test]
fn new_bounds_count_at_once_and_send_nobody_away() -> Result<()> {
    let (gate, handler) = Gate::new();
    let host = Host::serve(HttpServer::of_tenants([tenant("a", handler).quota(only(2, 0))]))?;
    let mut clients = vec![ask(host.address(), "/1")?, ask(host.address(), "/2")?];
    gate.next()?;
    gate.next()?;
    host.replace([tenant("a", says("new")).quota(only(3, 0))])?;
    assert_eq!(host.get("/")?.text(), "new");
    host.replace([tenant("a", says("new")).quota(only(1, 0))])?;
    assert_eq!(host.get("/")?.status, 503);
    gate.let_go(2)?;
    for client in &mut clients {
        assert_eq!(client.answer()?.status, 200);
    }
    assert_eq!(host.get("/")?.text(), "new");
    Ok(())
}

#[test]
fn a_rate_that_is_used_up_stays_so() -> Result<()> {
    let rate = Some(Rate { per_second: 1.0 / 3600.0, burst: 2 });
    let quota = Quota { rate, ..Quota::default() };
    let host = Host::serve(HttpServer::of_tenants([tenant("a", says("old")).quota(quota)]))?;
    assert_eq!(host.get("/")?.status, 200);
    host.replace([tenant("a", says("new")).quota(quota)])?;
    assert_eq!(host.get("/")?.text(), "new");
    host.replace([tenant("a", says("newer")).quota(quota)])?;
    assert_eq!(host.get("/")?.status, 503);
    Ok(())
}

#[test]
fn what_cannot_be_served_changes_nothing() -> Result<()> {
    let host = Host::serve(HttpServer::of_tenants([tenant("a", says("old"))]))?;
    let both = [tenant("a", says("new")), tenant("b", says("new"))];
    let refused = host.replace(both);
    assert!(matches!(refused, Err(CatalogError::OtherHosts(_))), "{refused:?}");
    let bad_path = Tenant::new("a").quota(only(1, 0)).route(Route::new("no-slash", says("new")));
    let refused = host.replace([bad_path]);
    assert!(matches!(refused, Err(CatalogError::Path { .. })), "{refused:?}");
    assert_eq!(host.get("/")?.text(), "old");
    Ok(())
}

#[test]
fn without_tenants_all_is_not_found() -> Result<()> {
    let host = Host::serve(HttpServer::of_tenants([tenant("a", says("old"))]))?;
    host.replace([])?;
    assert_eq!(host.get("/")?.status, 404);
    host.replace([tenant("a", says("new"))])?;
    assert_eq!(host.get("/")?.text(), "new");
    Ok(())
}
