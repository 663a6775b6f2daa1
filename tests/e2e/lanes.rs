//! What a tenant and a route may have; whoever has it all leaves the others theirs.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picohttp_host::{
    Call, Component, Fault, Handler, HttpServer, Limit, Quota, Rate, Request, Response, Route,
    Sandbox, Tenant, Timeouts,
};
use picohttp_tests::client::{Answer, Client};
use picohttp_tests::gate::{Gate, ask};
use picohttp_tests::host::{Host, eventually};
use picohttp_tests::sandbox::load;

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello".into());
}

/// The tenant of a host that is named like it.
fn tenant(name: &str, quota: Quota) -> Tenant {
    Tenant::new(name).hosts([name]).quota(quota)
}

fn send(host: &Host, tenant: &str, target: &str) -> Result<Client> {
    let mut client = Client::connect(host.address())?;
    client.send(format!("GET {target} HTTP/1.0\r\nHost: {tenant}\r\n\r\n"))?;
    Ok(client)
}

fn get(host: &Host, tenant: &str, target: &str) -> Result<Answer> {
    send(host, tenant, target)?.answer()
}

fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
}

/// So many at once, and so many in line.
fn bounds(max_concurrent_requests: usize, max_queue: usize) -> Quota {
    Quota { max_concurrent_requests, max_queue, rate: None }
}

#[test]
fn a_tenant_runs_as_many_as_it_may_and_the_rest_wait_and_are_refused() -> Result<()> {
    let (gate, handler) = Gate::new();
    let full = tenant("full", bounds(2, 1)).route(Route::new("/...", handler));
    let other = tenant("other", Quota::default()).route(Route::new("/...", hello));
    let host = Host::serve(HttpServer::of_tenants([full, other]))?;
    let mut clients = vec![send(&host, "full", "/1")?, send(&host, "full", "/2")?];
    gate.next()?;
    gate.next()?;
    clients.push(send(&host, "full", "/3")?);
    eventually("the third waits", || host.waiting() == 1)?;

    assert_refused(&get(&host, "full", "/4")?);
    assert_eq!(get(&host, "other", "/")?.status, 200);
    assert!(gate.entered.try_recv().is_err(), "three run at once");
    gate.let_go(3)?;
    for client in &mut clients {
        assert_eq!(client.answer()?.status, 200);
    }
    assert_eq!(gate.next()?, "3");
    Ok(())
}

#[test]
fn tenants_that_wait_wherever_they_may_leave_others_a_place() -> Result<()> {
    let (gate, handler) = Gate::new();
    let handler = Arc::new(handler);
    let names = ["a", "b", "c", "d"];
    let waiting = names.map(|name| {
        let route = Route::new("/...", Arc::clone(&handler));
        tenant(name, bounds(4, 100)).route(route)
    });
    let other = tenant("other", bounds(4, 100)).route(Route::new("/...", hello));
    let server = HttpServer::of_tenants(waiting.into_iter().chain([other]));
    let host = Host::serve(server.max_concurrent_requests(16))?;
    let mut clients = Vec::new();
    for name in names {
        for _ in 0..4 {
            clients.push(send(&host, name, "/")?);
        }
    }
    // 4, 4, 4 and 2 of 16: the last may have no more than are then free.
    for _ in 0..14 {
        gate.next()?;
    }
    eventually("two wait", || host.waiting() == 2)?;
    assert_eq!(get(&host, "other", "/")?.text(), "Hello");
    gate.let_go(16)?;
    for client in &mut clients {
        assert_eq!(client.answer()?.status, 200);
    }
    Ok(())
}

#[test]
fn a_route_that_is_full_leaves_its_tenants_other_routes_theirs() -> Result<()> {
    let (gate, handler) = Gate::new();
    let full = Route::new("/full", handler).quota(bounds(1, 0));
    let tenant = Tenant::new("a").quota(bounds(2, 0)).route(full).route(Route::new("/x", hello));
    let host = Host::serve(HttpServer::of_tenants([tenant]))?;
    let mut running = ask(host.address(), "/full")?;
    gate.next()?;
    assert_refused(&host.get("/full")?);
    assert_eq!(host.get("/x")?.status, 200);
    gate.let_go(2)?;
    assert_eq!(running.answer()?.status, 200);
    assert_eq!(host.get("/full")?.status, 200);
    Ok(())
}

#[test]
fn routes_share_what_their_tenant_may_have() -> Result<()> {
    let (gate, handler) = Gate::new();
    let tenant = Tenant::new("a")
        .quota(bounds(1, 0))
        .route(Route::new("/one", handler))
        .route(Route::new("/other", hello));
    let host = Host::serve(HttpServer::of_tenants([tenant]))?;
    let mut running = ask(host.address(), "/one")?;
    gate.next()?;
    assert_refused(&host.get("/other")?);
    gate.let_go(1)?;
    assert_eq!(running.answer()?.status, 200);
    assert_eq!(host.get("/other")?.status, 200);
    Ok(())
}

#[test]
fn a_rate_has_a_burst_and_then_refuses() -> Result<()> {
    let hourly = Rate { per_second: 1.0 / 3600.0, burst: 3 };
    let limited = Quota { rate: Some(hourly), ..Quota::default() };
    let a = tenant("a", limited).route(Route::new("/...", hello));
    let b = tenant("b", Quota::default())
        .route(Route::new("/limited", hello).quota(limited))
        .route(Route::new("/free", hello));
    let host = Host::serve(HttpServer::of_tenants([a, b]))?;
    for (tenant, target) in [("a", "/"), ("b", "/limited")] {
        for _ in 0..3 {
            assert_eq!(get(&host, tenant, target)?.status, 200, "{tenant}");
        }
        for _ in 0..3 {
            assert_refused(&get(&host, tenant, target)?);
        }
        assert_eq!(get(&host, "b", "/free")?.status, 200);
    }
    Ok(())
}

#[test]
fn a_rate_comes_back_with_time() -> Result<()> {
    let rate = Some(Rate { per_second: 2.0, burst: 1 });
    let tenant = Tenant::new("a").quota(Quota { rate, ..Quota::default() });
    let host = Host::serve(HttpServer::of_tenants([tenant.route(Route::new("/...", hello))]))?;
    let begun = Instant::now();
    let mut answered = 0;
    while answered < 3 {
        answered += usize::from(host.get("/")?.status == 200);
    }
    ensure!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    Ok(())
}

#[test]
fn a_route_has_bodies_of_its_own_size() -> Result<()> {
    let tenant = Tenant::new("a")
        .route(Route::new("/small", hello).max_body_size(10))
        .route(Route::new("/large", hello).max_body_size(20 << 20))
        .route(Route::new("/usual", hello));
    let host = Host::serve(HttpServer::of_tenants([tenant]))?;
    let post = |target: &str, length: usize| {
        let head = format!("POST {target} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
        Ok::<_, anyhow::Error>(host.exchange(head + &"a".repeat(length))?.status)
    };
    for (target, length, status) in [
        ("/small", 10, 200),
        ("/small", 11, 413),
        ("/usual", 11, 200),
        ("/usual", 11 << 20, 413),
        ("/large", 11 << 20, 200),
    ] {
        assert_eq!(post(target, length)?, status, "{target} {length}");
    }
    // A length that is told in advance is refused before its body.
    let mut client = Client::connect(host.address())?;
    client.send("POST /small HTTP/1.1\r\nContent-Length: 11\r\n\r\n")?;
    client.finish()?;
    assert_eq!(client.answer()?.status, 413);
    Ok(())
}

/// A component, and how its calls ended in failure.
#[derive(Clone)]
struct Witness {
    component: Component,
    faults: Arc<Mutex<Vec<Fault>>>,
}

impl Witness {
    fn of(guest: &str, sandbox: Sandbox) -> Result<Witness> {
        Ok(Witness { component: load(guest, sandbox)?, faults: Arc::default() })
    }

    fn last(&self) -> Result<Fault> {
        self.faults.lock().expect("no panic").pop().context("no fault")
    }
}

impl Handler for Witness {
    fn handle(&self, request: &Request<'_>, call: &Call<'_>) -> Result<Response, Fault> {
        self.component.handle(request, call).inspect_err(|fault| {
            self.faults.lock().expect("no panic").push(fault.clone());
        })
    }
}

#[test]
fn what_instances_of_a_tenant_may_have_together_they_have_together() -> Result<()> {
    const PAGE: usize = 64 << 10;
    // It has 512 pages until its time is over.
    let timeout = Duration::from_secs(20);
    let fill = Witness::of("fill", Sandbox { timeout, ..Sandbox::default() })?;
    // It has as many as it can get, and says how many if it is asked with GET.
    let grow = Witness::of("grow_memory", Sandbox::default())?;
    let full = tenant("full", Quota::default())
        .max_memory(900 * PAGE)
        .route(Route::new("/fill", fill.clone()))
        .route(Route::new("/grow", grow.clone()));
    let other = tenant("other", Quota::default()).max_memory(901 * PAGE);
    let other = other.route(Route::new("/grow", grow.clone()));
    let host = Host::serve(HttpServer::of_tenants([full, other]))?;
    assert_eq!(get(&host, "full", "/grow")?.status, 900);

    let mut filling = send(&host, "full", "/fill")?;
    eventually("the other has less", || {
        get(&host, "full", "/grow").is_ok_and(|answer| answer.status == 900 - 512)
    })?;
    let post = host.exchange("POST /grow HTTP/1.0\r\nHost: full\r\nContent-Length: 0\r\n\r\n")?;
    let fault = grow.last()?;
    ensure!(post.status == 500 && fault.limit() == Some(Limit::TotalMemory), "{fault:?}");
    // There is no room for a second one, not even to begin with.
    assert_eq!(get(&host, "full", "/fill")?.status, 503);
    assert_eq!(fill.last()?, Fault::no_room(Limit::TotalMemory));
    assert_eq!(get(&host, "other", "/grow")?.status, 901);

    assert_eq!(filling.answer()?.status, 504);
    assert_eq!(get(&host, "full", "/grow")?.status, 900);
    Ok(())
}

#[test]
fn a_tenant_that_spins_wherever_it_may_does_not_keep_others_from_being_answered() -> Result<()> {
    // Four run, as many as are then free.
    let timeout = Duration::from_secs(4);
    let spin = load("spin", Sandbox { timeout, ..Sandbox::default() })?;
    let spinning = tenant("spinning", bounds(6, 6)).route(Route::new("/...", spin));
    let healthy = load("answer", Sandbox::default())?;
    let healthy = tenant("healthy", Quota::default()).route(Route::new("/...", healthy));
    let timeouts = Timeouts { queue: Duration::from_secs(60), ..Timeouts::default() };
    let server = HttpServer::of_tenants([spinning, healthy]).max_concurrent_requests(8);
    let host = Host::serve(server.timeouts(timeouts))?;
    let spin = || send(&host, "spinning", "/");
    let mut spinning = (0..10).map(|_| spin()).collect::<Result<Vec<_>>>()?;
    eventually("the rest waits", || host.waiting() == 6)?;
    assert_refused(&get(&host, "spinning", "/")?);
    let mut answered = 0;
    while answered < 100 && host.waiting() == 6 {
        assert_eq!(get(&host, "healthy", "/")?.status, 200);
        answered += 1;
    }
    ensure!(answered > 10, "they had to wait for the spinning to end");
    for client in &mut spinning {
        assert_eq!(client.answer()?.status, 504);
    }
    Ok(())
}

#[test]
fn time_on_a_processor_has_a_bound_of_its_own() -> Result<()> {
    let cpu_time = Some(Duration::from_millis(100));
    let sandbox = || Sandbox { cpu_time, timeout: Duration::from_secs(100), ..Sandbox::default() };
    let tenant = Tenant::new("a")
        .route(Route::new("/spin", load("spin", sandbox())?))
        .route(Route::new("/:milliseconds", load("pause", sandbox())?));
    let host = Host::serve(HttpServer::of_tenants([tenant]))?;
    let begun = Instant::now();
    assert_eq!(host.get("/spin")?.status, 504);
    ensure!(begun.elapsed() < Duration::from_secs(50), "it was the time on the wall");
    assert_eq!(host.get("/500")?.status, 200);
    Ok(())
}
