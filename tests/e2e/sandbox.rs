//! Guests that misbehave: each has one outcome, and harms nobody else.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use picohttp_host::{
    Allocation, Cache, Call, Component, EngineOptions, Fault, Handler, HttpServer, LoadError,
    Request, Response, Sandbox,
};
use picohttp_tests::guests::root;
use picohttp_tests::host::Host;
use picohttp_tests::sandbox::{call, get, load, load_into, new_engine};
use picohttp_tests::text::answer_with;

/// A guest at any path but `/healthy`, and there one in good health.
struct Pair {
    guest: Component,
    healthy: Component,
}

impl Handler for Pair {
    fn handle(&self, request: &Request<'_>, call: &Call<'_>) -> Result<Response, Fault> {
        match request.path.as_slice() {
            ["healthy"] => self.healthy.handle(request, call),
            _ => self.guest.handle(request, call),
        }
    }
}

/// Has a guest answer, without a server and through one, and returns the fault that it
/// ends with. The client must learn nothing of it, and the host must go on.
fn fault(guest: &str, target: &str, sandbox: Sandbox) -> Result<Fault> {
    let timeout = sandbox.timeout;
    let pair = Pair { guest: load(guest, sandbox)?, healthy: load("answer", Sandbox::default())? };
    let begun = Instant::now();
    let Err(fault) = get(&pair, target) else { bail!("{guest} answered") };
    ensure!(fault != Fault::Timeout || begun.elapsed() >= timeout, "{guest} was stopped early");
    let host = Host::serve(HttpServer::new(pair).max_concurrent_requests(2))?;
    let answer = host.get(target)?;
    ensure!(answer.status == fault.status(), "{guest}: {answer:?} for {fault:?}");
    let generic = match fault {
        Fault::Timeout => "the handler took too long",
        Fault::BadResponse(_) => "the handler's response is unusable",
        _ => "the handler failed",
    };
    let request = answer.text().strip_prefix(generic).unwrap_or_default();
    let is_name = |byte: u8| byte.is_ascii_hexdigit() || b" (request)\n".contains(&byte);
    ensure!(request.len() == " (request 0123456789abcdef)\n".len(), "{guest}: {answer:?}");
    ensure!(request.bytes().all(is_name), "{guest}: {answer:?}");
    ensure!(host.get("/healthy")?.status == 200, "{guest} has harmed another");
    Ok(fault)
}

/// A guest that does not end by itself.
fn runaway(guest: &str, target: &str) -> Result<()> {
    let timeout = Duration::from_millis(200);
    let fault = fault(guest, target, Sandbox { timeout, ..Sandbox::default() })?;
    ensure!(fault == Fault::Timeout, "{guest}: {fault:?}");
    Ok(())
}

/// A guest that dies, and what its fault must tell the operator.
fn trap(guest: &str, target: &str, cause: &str) -> Result<()> {
    match fault(guest, target, Sandbox::default())? {
        Fault::Trap(message) if message.contains(cause) => Ok(()),
        fault => bail!("{guest}: {fault:?}"),
    }
}

fn out_of_memory(guest: &str) -> Result<()> {
    match fault(guest, "/", Sandbox { max_memory: 16 << 20, ..Sandbox::default() })? {
        Fault::OutOfMemory(_) => Ok(()),
        fault => bail!("{guest}: {fault:?}"),
    }
}

fn bad_response(guest: &str, target: &str, cause: &str) -> Result<()> {
    let sandbox = Sandbox { max_response: 1 << 20, ..Sandbox::default() };
    match fault(guest, target, sandbox)? {
        Fault::BadResponse(message) if message.contains(cause) => Ok(()),
        fault => bail!("{guest}: {fault:?}"),
    }
}

#[test]
fn loops_end_at_the_deadline() -> Result<()> {
    runaway("spin", "/")?;
    runaway("fill", "/")
}

#[test]
fn the_deadline_holds_before_and_after_the_call() -> Result<()> {
    runaway("spin_in_start", "/")?;
    runaway("spin_in_realloc", "/")?;
    runaway("spin_in_post_return", "/")
}

#[test]
fn a_guest_that_waits_in_the_host_ends_at_the_deadline() -> Result<()> {
    runaway("sleep_forever", "/")
}

#[test]
fn endless_recursion_ends_with_the_guests_stack() -> Result<()> {
    trap("recurse", "/", "call stack exhausted")?;
    trap("recurse", "/host", "call stack exhausted")
}

#[test]
fn a_guest_that_ends_without_an_answer_has_trapped() -> Result<()> {
    trap("panic", "/", "unreachable")?;
    trap("abort", "/", "unreachable")?;
    trap("unreachable", "/", "unreachable")?;
    trap("exit", "/0", "exited with code 0")?;
    trap("exit", "/1", "exited with code 1")
}

#[test]
fn nonsense_at_the_boundary_is_a_trap() -> Result<()> {
    trap("bad_pointer", "/", "out of bounds")?;
    trap("bad_realloc", "/", "beyond end of memory")?;
    trap("bad_result", "/", "discriminant")?;
    trap("bad_utf8", "/", "utf-8")
}

#[test]
fn handles_and_random_bytes_are_limited() -> Result<()> {
    trap("leak_handles", "/", "no free keys")?;
    trap("leak_resources", "/", "handle limit exceeded")?;
    trap("huge_random", "/", "exceeds limit")
}

#[test]
fn a_guest_that_dies_of_too_little_memory_is_told_apart() -> Result<()> {
    out_of_memory("eat_memory")?;
    let greedy = load("grow_memory", Sandbox::default())?;
    let fault = call(&greedy, "POST", "/");
    ensure!(matches!(fault, Err(Fault::OutOfMemory(_))), "{fault:?}");
    Ok(())
}

#[test]
fn responses_over_the_limit_are_refused() -> Result<()> {
    bad_response("huge_body", "/1048577", "1048577 bytes")?;
    bad_response("huge_error", "/1048577", "1048577 bytes")?;
    let sandbox = Sandbox { max_response: 1 << 20, ..Sandbox::default() };
    let largest = get(&load("huge_body", sandbox)?, "/1048576")?;
    assert_eq!(largest.data.map(|data| data.len()), Some(1 << 20));
    Ok(())
}

/// The host stops copying at its limit. What it says then is `wasmtime`'s own text, by
/// which alone such an end is known.
#[test]
fn responses_that_would_grow_in_the_host_are_not_copied() -> Result<()> {
    bad_response("huge_body", "/30000000", "too large to be copied")?;
    bad_response("aliased_headers", "/", "too large to be copied")?;
    bad_response("many_headers", "/100000", "too large to be copied")
}

#[test]
fn responses_that_would_break_the_head_are_not_sent() -> Result<()> {
    let guest = load("behave", Sandbox::default())?;
    let host = Host::serve(HttpServer::new(guest))?;
    for target in ["/status/199", "/status/1000", "/header/a:b/c", "/header//c", "/protocol/"] {
        let answer = host.get(target)?;
        ensure!(answer.status == 502, "{target}: {answer:?}");
        ensure!(answer.text().starts_with("the handler's response is unusable (request "));
    }
    let many = Host::serve(HttpServer::new(load("many_headers", Sandbox::default())?))?;
    assert_eq!(many.get("/20000")?.status, 502);
    assert_eq!(many.get("/1000")?.status, 200);
    Ok(())
}

/// What a guest says of how far it got is its status.
fn reached(guest: &str, allocation: Allocation) -> Result<u16> {
    let engine = new_engine(EngineOptions {
        instances: 1,
        max_memory: 32 << 20,
        allocation: Some(allocation),
        ..EngineOptions::default()
    })?;
    let sandbox = Sandbox { max_memory: 16 << 20, ..Sandbox::default() };
    Ok(get(&load_into(&engine, guest, sandbox)?, "/")?.status)
}

/// The ways to allocate that every machine has.
const ALLOCATIONS: [Allocation; 2] = [Allocation::Pooling, Allocation::OnDemand];

#[test]
fn memory_is_counted_in_sum() -> Result<()> {
    for allocation in ALLOCATIONS {
        assert_eq!(reached("grow_memory", allocation)?, 256);
        assert_eq!(reached("many_memories", allocation)?, 256);
        assert_eq!(reached("full_memory", allocation)?, 255);
    }
    Ok(())
}

#[test]
fn table_elements_are_limited() -> Result<()> {
    for allocation in ALLOCATIONS {
        assert_eq!(reached("grow_table", allocation)?, 200);
    }
    Ok(())
}

#[test]
fn a_guest_that_begins_with_too_much_is_not_loaded() -> Result<()> {
    for (guest, what) in [("huge_minimum", "memory"), ("huge_table", "table")] {
        for allocation in ALLOCATIONS {
            let allocation = Some(allocation);
            let engine = new_engine(EngineOptions { allocation, ..EngineOptions::default() })?;
            let Err(error) = load_into(&engine, guest, Sandbox::default()) else {
                bail!("{guest} was loaded")
            };
            ensure!(format!("{error:#}").contains(what), "{guest}: {error:#}");
        }
    }
    let sandbox = Sandbox { max_memory: 16 << 20, ..Sandbox::default() };
    let Err(error) = load("fill", sandbox) else { bail!("fill was loaded") };
    let error = error.downcast::<LoadError>()?;
    ensure!(
        matches!(error, LoadError::Excess { wanted: 0x200_0000, allowed: 0x100_0000, .. }),
        "{error:?}"
    );
    Ok(())
}

/// What several memories or tables begin with, in sum, shows only when they are made.
#[test]
fn a_guest_whose_parts_begin_with_too_much_is_out_of_memory() -> Result<()> {
    for allocation in ALLOCATIONS {
        let engine = new_engine(EngineOptions {
            instances: 2,
            max_memory: 1 << 20,
            allocation: Some(allocation),
            ..EngineOptions::default()
        })?;
        let sandbox = Sandbox { max_memory: 3 << 16, ..Sandbox::default() };
        let fault = get(&load_into(&engine, "many_memories", sandbox)?, "/");
        ensure!(matches!(fault, Err(Fault::OutOfMemory(_))), "{allocation}: {fault:?}");

        let tables = answer_with(
            "(core module $part (table 60000 funcref))
            (core instance (instantiate $part)) (core instance (instantiate $part))",
        )?;
        let sandbox = Sandbox { max_memory: 1 << 20, ..Sandbox::default() };
        let component = Component::from_bytes(&engine, "tables", &tables, sandbox, &Cache::none())?;
        let fault = get(&component, "/");
        ensure!(matches!(fault, Err(Fault::OutOfMemory(_))), "{allocation}: {fault:?}");
    }
    Ok(())
}

/// A guest that no test runs shows nothing.
#[test]
fn every_guest_is_in_a_test() -> Result<()> {
    let mut tests = String::new();
    for folder in ["tests/e2e", "tests/src"] {
        for entry in fs::read_dir(root().join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                tests += &fs::read_to_string(path)?;
            }
        }
    }
    for entry in fs::read_dir(root().join("tests/guests"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().display();
        let is_guest = path.extension().is_some_and(|kind| kind == "rs" || kind == "wat");
        ensure!(!is_guest || tests.contains(&format!("\"{name}\"")), "no test runs {name}");
    }
    Ok(())
}
