//! One request leaves nothing to another: no state, no slot, no time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use picohttp_host::{
    Allocation, Call, Component, Engine, EngineOptions, Fault, Handler, HttpServer, Limit, Request,
    Response, Sandbox,
};
use picohttp_tests::client::{Answer, Client};
use picohttp_tests::host::{Host, eventually};
use picohttp_tests::sandbox::{call, get, load, load_into, new_engine};

#[test]
fn each_request_meets_a_fresh_instance() -> Result<()> {
    let server = HttpServer::new(load("counter", Sandbox::default())?).max_concurrent_requests(4);
    let host = Host::serve(server)?;
    thread::scope(|scope| {
        let count = || (0..125).try_for_each(|_| is_first(&host.get("/")?));
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(count)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a panic"))
    })
}

fn is_first(answer: &Answer) -> Result<()> {
    ensure!(answer.text() == "1 1", "{answer:?}");
    Ok(())
}

/// A guest that fills its memory with a pattern, and leaves it in a global and a table as
/// well, is followed by one that looks for it in the same slot, so many times. How much memory
/// that is, the names of what they do say.
fn find_poison(engine: &Engine, [poison, scan]: [&str; 2], pairs: usize) -> Result<()> {
    // Slots prefer the module that they had before; two make them change hands too.
    let guests = [
        load_into(engine, "poison", Sandbox::default())?,
        load_into(engine, "poison", Sandbox::default())?,
    ];
    let work = || {
        for round in 0..pairs / 2 {
            let [first, second] = [&guests[round % 2], &guests[round / 2 % 2]];
            assert_eq!(call(first, poison, "/")?.status, 299, "the pattern is not found");
            assert_eq!(call(second, scan, "/")?.status, 200, "the pattern is found");
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().try_for_each(|thread| thread.join().expect("a panic"))
    })
}

#[test]
fn what_a_guest_wrote_is_gone_before_the_next() -> Result<()> {
    // The first is with page-map scanning where the kernel can do that.
    let allocations =
        [(None, 10_000), (Some(Allocation::Pooling), 10_000), (Some(Allocation::OnDemand), 100)];
    for (allocation, pairs) in allocations {
        let options = EngineOptions { instances: 2, allocation, ..EngineOptions::default() };
        let engine = new_engine(options)?;
        // A little more than what a slot keeps, and a lot.
        find_poison(&engine, ["POISON", "SCAN"], pairs)?;
        find_poison(&engine, ["POISON MUCH", "SCAN MUCH"], 100)?;
    }
    Ok(())
}

/// Guests that hold their slots until their deadlines: one waits, at `/sleep`, and one
/// computes, at `/spin`. A third one answers anything else.
struct Slots {
    sleep: Component,
    spin: Component,
    answer: Component,
    running: AtomicUsize,
}

impl Slots {
    fn new(timeout: Duration) -> Result<Slots> {
        let sandbox = Sandbox { timeout, ..Sandbox::default() };
        Ok(Slots {
            sleep: load("sleep_forever", sandbox.clone())?,
            spin: load("spin", sandbox)?,
            answer: load("answer", Sandbox::default())?,
            running: AtomicUsize::new(0),
        })
    }
}

impl Handler for &'static Slots {
    fn handle(&self, request: &Request<'_>, call: &Call<'_>) -> Result<Response, Fault> {
        self.running.fetch_add(1, Ordering::SeqCst);
        let handled = match request.path.as_slice() {
            ["sleep"] => self.sleep.handle(request, call),
            ["spin"] => self.spin.handle(request, call),
            _ => self.answer.handle(request, call),
        };
        self.running.fetch_sub(1, Ordering::SeqCst);
        handled
    }
}

const CONCURRENT: usize = 4;

/// Takes every slot, and returns the clients that wait for answers.
fn take_all(host: &Host, slots: &Slots) -> Result<Vec<Client>> {
    let clients = (0..CONCURRENT).map(|number| {
        let mut client = Client::connect(host.address())?;
        let target = if number % 2 == 0 { "sleep" } else { "spin" };
        client.send(format!("GET /{target} HTTP/1.0\r\n\r\n"))?;
        Ok(client)
    });
    let clients = clients.collect::<Result<_>>()?;
    eventually("all slots are taken", || slots.running.load(Ordering::SeqCst) == CONCURRENT)?;
    Ok(clients)
}

fn all_time_out(clients: Vec<Client>) -> Result<()> {
    for mut client in clients {
        let answer = client.answer()?;
        ensure!(answer.status == 504, "{answer:?}");
    }
    Ok(())
}

#[test]
fn with_every_slot_taken_others_are_told_so_and_then_served() -> Result<()> {
    let slots: &Slots = Box::leak(Box::new(Slots::new(Duration::from_secs(3))?));
    let server = HttpServer::new(slots).max_concurrent_requests(CONCURRENT).max_queue(0);
    let host = Host::serve(server)?;
    for _ in 0..2 {
        let runaways = take_all(&host, slots)?;
        let refused = host.get("/")?;
        ensure!(refused.status == 503 && refused.header("Retry-After").is_some(), "{refused:?}");
        all_time_out(runaways)?;
        eventually("the host serves again", || {
            host.get("/").is_ok_and(|answer| answer.status == 200)
        })?;
    }
    Ok(())
}

#[test]
fn a_request_in_line_is_served_when_a_runaway_ends() -> Result<()> {
    let slots: &Slots = Box::leak(Box::new(Slots::new(Duration::from_secs(3))?));
    let server = HttpServer::new(slots).max_concurrent_requests(CONCURRENT);
    let host = Host::serve(server)?;
    let runaways = take_all(&host, slots)?;
    let answer = host.get("/")?;
    ensure!(answer.status == 200, "{answer:?}");
    all_time_out(runaways)
}

#[test]
fn an_engine_without_a_free_slot_is_overloaded() -> Result<()> {
    let engine = new_engine(EngineOptions {
        instances: 1,
        allocation: Some(Allocation::Pooling),
        ..EngineOptions::default()
    })?;
    let timeout = Duration::from_secs(3);
    let sandbox = Sandbox { timeout, ..Sandbox::default() };
    let sleeper = load_into(&engine, "sleep_forever", sandbox)?;
    let other = load_into(&engine, "answer", Sandbox::default())?;
    thread::scope(|scope| {
        let sleeping = scope.spawn(|| {
            let mut ends = std::iter::repeat_with(|| get(&sleeper, "/"));
            ends.find(|end| *end != Err(Fault::no_room(Limit::Instances)))
        });
        eventually("the slot is taken", || {
            get(&other, "/") == Err(Fault::no_room(Limit::Instances))
        })?;
        ensure!(sleeping.join().expect("a panic") == Some(Err(Fault::Timeout(timeout))));
        ensure!(get(&other, "/").is_ok_and(|response| response.status == 200));
        Ok(())
    })
}

/// A slot that was given back is as good as new, whatever became of its guest.
#[test]
fn no_slot_is_lost() -> Result<()> {
    let engine = new_engine(EngineOptions { instances: 2, ..EngineOptions::default() })?;
    let guests = [
        ("answer", "/"),
        ("unreachable", "/"),
        ("grow_memory", "/"),
        ("aliased_headers", "/"),
        ("bad_realloc", "/"),
        ("leak_resources", "/"),
        ("recurse", "/"),
        ("eat_memory", "/"),
        ("exit", "/1"),
    ];
    for (guest, target) in guests {
        let guest = load_into(&engine, guest, Sandbox::default())?;
        for _ in 0..20 {
            ensure!(get(&guest, target) != Err(Fault::no_room(Limit::Instances)));
        }
    }
    Ok(())
}
