//! The host in another program: what that is told, and what it may do at once.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use anyhow::{Context, Result, ensure};
use picohttp_host::config::{AccessLog, LogFormat, LogTarget};
use picohttp_host::{
    Call, Fault, Handler, HttpServer, Limit, Outcome, Request, Response, Route, Tenant,
};
use picohttp_tests::client::{PATIENCE, get, get_of};
use picohttp_tests::gate::{Gate, ask};
use picohttp_tests::guests::plugin;
use picohttp_tests::host::{Host, eventually};
use picohttp_tests::program::{address_in, example};

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some("Hello".into());
}

/// Keeps what an observer is told, in words.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn keep(&self, outcome: &Outcome<'_>) {
        let Outcome { tenant, route, method, target, status, reason, limit, .. } = outcome;
        let words = [tenant, route, method, target].map(|word| word.unwrap_or("-")).join(" ");
        let limit = limit.as_ref().map(Limit::to_string).unwrap_or_default();
        let text = format!("{words} {status} {reason} {limit}");
        self.0.lock().expect("no panic").push(text.trim_end().to_owned());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

#[test]
fn an_observer_is_told_of_requests_whatever_became_of_them() -> Result<()> {
    let told = Told::default();
    let keep = told.clone();
    let (gate, handler) = Gate::new();
    let tenant = Tenant::new("a").route(Route::new("/a", hello)).route(Route::new("/b", handler));
    let server = HttpServer::of_tenants([tenant]).max_concurrent_requests(1).max_queue(0);
    let host = Host::serve(server.observer(move |outcome| keep.keep(outcome)))?;
    host.get("/a?q")?;
    host.get("/c")?;
    host.exchange("GET /d HTTP/1.1\r\nContent-Length: x\r\n\r\n")?;
    let mut running = ask(host.address(), "/b")?;
    gate.next()?;
    host.get("/a")?;
    gate.let_go(1)?;
    running.answer()?;
    let said = [
        "a /a GET /a?q 200 answered",
        "- - GET /c 404 no-route",
        "- - GET /d 400 bad-request",
        "a /a GET /a 503 overloaded server.max_queue",
        "a /b GET /b 200 answered",
    ];
    assert_eq!(told.all(), said);
    Ok(())
}

#[test]
fn an_observer_that_panics_costs_no_request() -> Result<()> {
    let server = HttpServer::new(hello).observer(|outcome| assert_ne!(outcome.status, 200));
    let host = Host::serve(server.threads(false))?;
    for _ in 0..10 {
        assert_eq!(host.get("/")?.text(), "Hello");
    }
    Ok(())
}

#[test]
fn a_handler_is_told_its_clients_address() -> Result<()> {
    struct Client;
    impl Handler for Client {
        fn handle(&self, _: &Request<'_>, call: &Call<'_>) -> Result<Response, Fault> {
            let data = call.client.map(|client| client.to_string().into());
            Ok(Response { data, ..Response::default() })
        }
    }
    assert_eq!(Host::serve(HttpServer::new(Client))?.get("/")?.text(), "127.0.0.1");
    Ok(())
}

#[test]
fn a_route_keeps_args_of_its_own() -> Result<()> {
    struct Args;
    impl Handler for Args {
        fn handle(&self, _: &Request<'_>, call: &Call<'_>) -> Result<Response, Fault> {
            Ok(Response { data: Some(call.args.join(",").into()), ..Response::default() })
        }
    }
    let tenant = Tenant::new("a").route(Route::new("/own", Args).args(["own"]));
    let tenant = tenant.route(Route::new("/all", Args));
    let host = Host::serve(HttpServer::of_tenants([tenant]).args(["all"]))?;
    assert_eq!(host.get("/own")?.text(), "own");
    assert_eq!(host.get("/all")?.text(), "all");
    Ok(())
}

#[test]
fn who_waits_for_the_end_finds_the_whole_log_when_another_stops_the_server() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for round in 0..20 {
        let file = folder.path().join(round.to_string());
        let log = AccessLog { target: LogTarget::File(file.clone()), format: LogFormat::Text };
        let server = HttpServer::new(hello).port(0).access_log(log).start()?;
        let lines = thread::scope(|scope| {
            let waits = scope.spawn(|| {
                server.join();
                fs::read_to_string(&file)
            });
            let answered = get(server.address(), "/");
            assert_eq!(server.stop(PATIENCE), 0);
            answered?;
            anyhow::Ok(waits.join().expect("no panic")?)
        })?;
        assert_eq!(lines.lines().count(), 1, "{lines:?}");
    }
    Ok(())
}

/// A process that is killed when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_example_of_many_tenants_serves_reloads_and_stops() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("picohttp.toml");
    let tenants = |names: &[&str]| {
        let source = plugin("hello")?;
        let tenant = |name| {
            format!("[[tenant]]\nname = '{name}'\nhosts = ['{name}.test']\nsource = {source:?}\n")
        };
        let text: String = names.iter().map(tenant).collect();
        let server = "[server]\naddr = '127.0.0.1:0'\n";
        anyhow::Ok(fs::write(&file, format!("{server}{text}"))?)
    };
    tenants(&["a"])?;
    let mut command = Command::new(example("tenants")?);
    command.arg(&file).env("XDG_CACHE_HOME", folder.path());
    let mut running = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    let mut enter = running.0.stdin.take().context("no input")?;
    let said = BufReader::new(running.0.stdout.take().context("no output")?);
    let (send, lines) = mpsc::channel();
    thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    let wait_for = |text: &str| loop {
        let line = lines.recv_timeout(PATIENCE).with_context(|| format!("never said: {text}"))?;
        if line.contains(text) {
            return anyhow::Ok(line);
        }
    };
    let address = address_in(&wait_for("Serving HTTP on")?)?;
    assert_eq!(get_of(address, "b.test", "/hello")?.status, 404);
    wait_for("nobody: 404 no-route")?;

    tenants(&["a", "b"])?;
    enter.write_all(b"\n")?;
    wait_for("serving 2 handlers")?;
    assert_eq!(get_of(address, "b.test", "/hello")?.text(), "Hello world!");
    wait_for("b: 200 answered")?;

    fs::write(&file, "[[tenant]]\n")?;
    enter.write_all(b"\n")?;
    wait_for("still serving what was")?;
    assert_eq!(get_of(address, "b.test", "/hello")?.status, 200);

    drop(enter);
    wait_for("stopped; 0 connections were cut off")?;
    let mut status = None;
    eventually("it ends", || {
        status = running.0.try_wait().ok().flatten();
        status.is_some()
    })?;
    ensure!(status.is_some_and(|status| status.success()), "{status:?}");
    Ok(())
}
