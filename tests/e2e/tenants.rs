//! Whose a request is: hosts and paths through real requests, and no way around them.

use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use picohttp_host::{
    CatalogError, HttpServer, KeepAlive, Quota, Rate, Request, Response, Route, Sandbox,
    StartError, Tenant,
};
use picohttp_tests::client::{Answer, Client, get_of};
use picohttp_tests::host::Host;
use picohttp_tests::sandbox::load;
use serde_json::{Value, json};

/// A route whose handler says whose it is.
fn route(tenant: &str, path: &str) -> Route {
    let name = format!("{tenant} {path}");
    Route::new(path, move |_: &Request<'_>, response: &mut Response| {
        response.data = Some(name.clone().into());
    })
}

fn tenant(name: &str, hosts: &[&str], paths: &[&str]) -> Tenant {
    let tenant = Tenant::new(name).hosts(hosts.iter().copied());
    paths.iter().fold(tenant, |tenant, path| tenant.route(route(name, path)))
}

/// Two tenants with hosts, and nobody for other hosts.
static TWO: LazyLock<Host> = LazyLock::new(|| {
    let a = tenant("a", &["a.test", "*.a.test"], &["/", "/public/...", "/users/:id", "/admin"]);
    let b = tenant("b", &["b.test", "deep.a.test"], &["/...", "/admin"]);
    Host::serve(HttpServer::of_tenants([a, b])).expect("a host starts")
});

/// Who answers `GET target` for a host; a status where nobody does.
fn answered(host: &Host, target: &str, headers: &str) -> Result<String> {
    let answer = host.exchange(format!("GET {target} HTTP/1.0\r\n{headers}\r\n"))?;
    Ok(if answer.status == 200 { answer.text().to_owned() } else { answer.status.to_string() })
}

#[test]
fn a_request_is_its_hosts_and_its_paths() -> Result<()> {
    for (host, target, owner) in [
        ("a.test", "/", "a /"),
        ("a.test", "/public/x/y", "a /public/..."),
        ("a.test", "/public", "a /public/..."),
        ("a.test", "/users/7", "a /users/:id"),
        ("a.test", "/users/7/", "a /users/:id"),
        ("a.test", "/users", "404"),
        ("a.test", "/users/7/8", "404"),
        ("a.test", "/publicly", "404"),
        ("x.y.a.test", "/admin", "a /admin"),
        ("b.test", "/admin", "b /admin"),
        ("b.test", "/admin/x", "b /..."),
        ("deep.a.test", "/users/7", "b /..."),
        ("x.deep.a.test", "/users/7", "a /users/:id"),
        ("x.b.test", "/", "404"),
        ("test", "/", "404"),
    ] {
        let answered = answered(&TWO, target, &format!("Host: {host}\r\n"))?;
        assert_eq!(answered, owner, "{host}{target}");
    }
    Ok(())
}

#[test]
fn a_host_is_the_same_with_a_port_in_capitals_and_with_the_roots_dot() -> Result<()> {
    for host in ["A.TEST", "a.test:80", "a.test.", "A.Test.:65535", "a.test:", " \ta.test \t"] {
        assert_eq!(answered(&TWO, "/", &format!("Host:{host}\r\n"))?, "a /", "{host:?}");
    }
    Ok(())
}

#[test]
fn what_only_looks_like_a_tenants_host_is_nobodys() -> Result<()> {
    for host in ["", "a.test..", ".a.test", "a%2etest", "*.a.test.evil", "a.test.evil"] {
        assert_eq!(answered(&TWO, "/", &format!("Host: {host}\r\n"))?, "404", "{host:?}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_a_host_is_refused_even_if_others_are_served() -> Result<()> {
    let tenants = [tenant("a", &["a.test"], &["/..."]), tenant("others", &[], &["/..."])];
    let others = Host::serve(HttpServer::of_tenants(tenants))?;
    for host in [
        "a.test:80:80",
        "a.test:x",
        "u@a.test",
        "a.test@b.test.evil",
        "a.test/",
        "a.test#",
        "a.test\\",
        "a.test, b.test",
        "a.test b.test",
        "[a.test]",
        "http://a.test/",
    ] {
        for server in [&*TWO, &others] {
            assert_eq!(answered(server, "/", &format!("Host: {host}\r\n"))?, "400", "{host:?}");
        }
    }
    Ok(())
}

#[test]
fn two_hosts_are_refused_whatever_the_target() -> Result<()> {
    for (target, headers) in [
        ("/", "Host: a.test\r\nHost: b.test\r\n"),
        ("/", "Host: a.test\r\nHost: a.test\r\n"),
        ("/", "Host: b.test\r\nhOST: a.test\r\n"),
        ("/", "Host: a.test\r\nX: y\r\nHost:\r\n"),
        ("http://a.test/", "Host: a.test\r\nHost: b.test\r\n"),
    ] {
        assert_eq!(answered(&TWO, target, headers)?, "400", "{target} {headers:?}");
    }
    Ok(())
}

#[test]
fn without_a_host_a_request_is_the_tenants_without_hosts() -> Result<()> {
    assert_eq!(answered(&TWO, "/", "")?, "404");
    let a = tenant("a", &["a.test"], &["/..."]);
    let others = tenant("others", &[], &["/..."]);
    let host = Host::serve(HttpServer::of_tenants([a, others]))?;
    for headers in ["", "Host: c.test\r\n", "Host:\r\n", "Host: a.test.evil\r\n"] {
        assert_eq!(answered(&host, "/", headers)?, "others /...", "{headers:?}");
    }
    assert_eq!(answered(&host, "/", "Host: a.test\r\n")?, "a /...");
    Ok(())
}

#[test]
fn a_target_in_absolute_form_goes_before_the_header() -> Result<()> {
    for (target, owner) in [
        ("http://b.test/admin", "b /admin"),
        ("HTTPS://B.TEST:443/admin", "b /admin"),
        ("http://b.test?x=/admin", "b /..."),
        ("http://b.test", "b /..."),
        ("http:///admin", "400"),
        ("http://c.test/admin", "404"),
        ("http://b.test@c.test/admin", "400"),
        ("http://b.test#@a.test/admin", "400"),
        ("ftp://b.test/admin", "404"),
        ("/?http://b.test/admin", "a /"),
        ("/http://b.test/admin", "a /admin"),
    ] {
        assert_eq!(answered(&TWO, target, "Host: a.test\r\n")?, owner, "{target}");
    }
    Ok(())
}

#[test]
fn no_spelling_of_a_target_leads_to_another_tenant_or_around_a_route() -> Result<()> {
    for (target, owner) in [
        ("//b.test/admin", "404"),
        ("///b.test/admin", "404"),
        ("//admin", "a /admin"),
        ("/%61%64min", "a /admin"),
        ("/%2561dmin", "404"),
        ("/admin%2f", "404"),
        ("/%2fadmin", "404"),
        ("/public%2f..%2fadmin", "404"),
        ("/public/../admin", "a /public/..."),
        ("/public/%2e%2e/admin", "a /public/..."),
        ("/public/..;/admin", "a /public/..."),
        ("/./admin", "404"),
        ("/../b/admin", "404"),
        ("/users/..", "404"),
        ("/users/%2e%2E", "404"),
        ("/users/a%2fb", "a /users/:id"),
        ("\\admin", "404"),
        ("/public\\..\\admin", "404"),
        ("/admin%00", "404"),
        ("/ADMIN", "404"),
        ("b.test:443", "404"),
        ("*", "404"),
    ] {
        assert_eq!(answered(&TWO, target, "Host: a.test\r\n")?, owner, "{target}");
    }
    Ok(())
}

#[test]
fn headers_that_name_another_host_are_no_host() -> Result<()> {
    for header in [
        "X-Forwarded-Host: b.test",
        "Forwarded: host=b.test",
        "X-Original-URL: http://b.test/admin",
        "X-Host: b.test",
        ":authority: b.test",
    ] {
        let answered = answered(&TWO, "/admin", &format!("Host: a.test\r\n{header}\r\n"))?;
        ensure!(answered == "a /admin" || answered == "400", "{header}: {answered}");
    }
    Ok(())
}

#[test]
fn each_request_of_a_connection_has_a_host_of_its_own() -> Result<()> {
    let tenants = [tenant("a", &["a.test"], &["/..."]), tenant("b", &["b.test"], &["/..."])];
    let host = Host::serve(HttpServer::of_tenants(tenants).keep_alive(KeepAlive::default()))?;
    let mut client = Client::connect(host.address())?;
    for owner in ["a", "b", "b", "a"] {
        client.send(format!("GET / HTTP/1.1\r\nHost: {owner}.test\r\n\r\n"))?;
        assert_eq!(next(&mut client)?.text(), format!("{owner} /..."));
    }
    Ok(())
}

/// The next answer of a connection that persists.
fn next(client: &mut Client) -> Result<Answer> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.extend(client.read(1)?);
    }
    let length = Answer::parse(&bytes)?.header("Content-Length").context("no length")?.parse()?;
    bytes.extend(client.read(length)?);
    Answer::parse(&bytes)
}

#[test]
fn a_connection_outlives_a_path_that_nobody_has() -> Result<()> {
    let a = tenant("a", &["a.test"], &["/x"]);
    let host = Host::serve(HttpServer::of_tenants([a]).keep_alive(KeepAlive::default()))?;
    let mut client = Client::connect(host.address())?;
    for (target, status) in [("/y", 404), ("/x", 200), ("/y", 404), ("/x", 200)] {
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n"))?;
        assert_eq!(next(&mut client)?.status, status, "{target}");
    }
    Ok(())
}

#[test]
fn a_body_for_nobody_is_not_waited_for() -> Result<()> {
    for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let mut client = Client::connect(TWO.address())?;
        client.send(format!("POST /y HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n\r\n"))?;
        assert_eq!(next(&mut client)?.status, 404, "{framing}");
    }
    let request =
        "POST /y HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    let mut client = Client::connect(TWO.address())?;
    client.send(request)?;
    assert_eq!(next(&mut client)?.status, 404);
    Ok(())
}

#[test]
fn a_404_tells_nothing_of_who_is_here() -> Result<()> {
    let get = |host: &str| get_of(TWO.address(), host, "/no");
    let [known, unknown] = [get("a.test")?, get("c.test")?];
    assert_eq!((known.headers, known.body), (unknown.headers, unknown.body));
    Ok(())
}

#[test]
fn each_route_has_arguments_of_its_own() -> Result<()> {
    let behave = load("behave", Sandbox::default())?;
    let a = Tenant::new("a")
        .route(Route::new("/one/...", behave.clone()).args(["1", "one"]))
        .route(Route::new("/other", behave.clone()).args(["2"]))
        .route(Route::new("/none", behave));
    let host = Host::serve(HttpServer::of_tenants([a]))?;
    for (target, args) in
        [("/one/x", json!(["1", "one"])), ("/other", json!(["2"])), ("/none", json!([]))]
    {
        let seen: Value = serde_json::from_slice(&host.get(target)?.body)?;
        assert_eq!(seen["args"], args, "{target}");
    }
    Ok(())
}

#[test]
fn each_route_has_an_environment_of_its_own() -> Result<()> {
    let in_mode = |mode: &str| {
        let environment = vec![("MODE".to_owned(), mode.to_owned())];
        load("files", Sandbox { environment, ..Sandbox::default() })
    };
    let a = Tenant::new("a")
        .route(Route::new("/variable", in_mode("first")?))
        .route(Route::new("/variable/x", in_mode("second")?));
    let b = Tenant::new("b").hosts(["b.test"]).route(Route::new("/...", in_mode("third")?));
    let host = Host::serve(HttpServer::of_tenants([a, b]))?;
    for (target, headers, mode) in [
        ("/variable?path=MODE", "", "first"),
        ("/variable/x?path=MODE", "", "second"),
        ("/variable/x?path=MODE", "Host: b.test\r\n", "third"),
    ] {
        assert_eq!(answered(&host, target, headers)?, mode);
    }
    Ok(())
}

#[test]
fn tenants_that_cannot_be_served_together_are_refused() {
    let refused = |tenants: Vec<Tenant>| match HttpServer::of_tenants(tenants).port(0).start() {
        Err(StartError::Catalog(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("they are served"),
    };
    let pair = |one: &[&str], other: &[&str]| {
        refused(vec![tenant("a", one, &["/..."]), tenant("b", other, &["/..."])])
    };
    assert!(matches!(pair(&["x.test"], &["X.test"]), CatalogError::Host { .. }));
    assert!(matches!(pair(&["*.x.test"], &["*.X.test"]), CatalogError::Host { .. }));
    assert!(matches!(pair(&["*"], &["x.test"]), CatalogError::NoHost { .. }));
    assert!(matches!(pair(&[], &[]), CatalogError::OtherHosts(_)));
    let same = |one, other| refused(vec![tenant("a", &[], &[one, other])]);
    assert!(matches!(same("/:x/b", "/:y/b"), CatalogError::SamePath { .. }));
    assert!(matches!(same("/...", "/../x"), CatalogError::Path { .. }));
    let twice = vec![tenant("a", &[], &["/"]), tenant("a", &["x.test"], &["/"])];
    assert!(matches!(refused(twice), CatalogError::Name(_)));
}

#[test]
fn quotas_that_let_nothing_go_on_are_refused() {
    let refused = |quota| {
        let tenant = Tenant::new("a").route(route("a", "/x").quota(quota));
        let started = HttpServer::of_tenants([tenant]).port(0).start();
        started.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let of_rate = |per_second, burst| {
        refused(Quota { rate: Some(Rate { per_second, burst }), ..Quota::default() })
    };
    let none = refused(Quota { max_concurrent_requests: 0, ..Quota::default() });
    assert_eq!(
        none,
        "the quota of a /x lets nothing go on: `max_concurrent_requests` must be at least 1"
    );
    for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            of_rate(per_second, 1),
            "the quota of a /x lets nothing go on: `per_second` must be a number above 0"
        );
    }
    assert_eq!(of_rate(1.0, 0), "the quota of a /x lets nothing go on: `burst` must be at least 1");
}
