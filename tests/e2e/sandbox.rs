//! What a guest may have, and that it has all of it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use picohttp_host::{
    Allocation, Cache, Component, EngineOptions, Fault, HttpServer, LoadError, Sandbox,
};
use picohttp_tests::host::Host;
use picohttp_tests::sandbox::{get, load, load_into, new_engine};
use picohttp_tests::text::answer_with;

#[test]
fn what_is_answered_after_the_deadline_is_no_answer() -> Result<()> {
    let timeout = Duration::from_nanos(1);
    let guest = load("answer", Sandbox { timeout, ..Sandbox::default() })?;
    assert_eq!(get(&guest, "/"), Err(Fault::Timeout(timeout)));
    Ok(())
}

#[test]
fn no_guest_is_stopped_before_its_deadline() -> Result<()> {
    let timeout = Duration::from_millis(200);
    for guest in ["spin", "spin_in_start", "sleep_forever"] {
        let guest = load(guest, Sandbox { timeout, ..Sandbox::default() })?;
        let began = Instant::now();
        assert_eq!(get(&guest, "/"), Err(Fault::Timeout(timeout)));
        ensure!(began.elapsed() >= timeout, "{:?}", began.elapsed());
    }
    Ok(())
}

#[test]
fn time_on_a_processor_is_told_from_time_on_the_wall() -> Result<()> {
    let (most, timeout) = (Duration::from_millis(50), Duration::from_secs(100));
    let sandbox = Sandbox { cpu_time: Some(most), timeout, ..Sandbox::default() };
    assert_eq!(get(&load("spin", sandbox)?, "/"), Err(Fault::CpuTime(most)));
    Ok(())
}

#[test]
fn a_response_of_the_limit_is_sent() -> Result<()> {
    let sandbox = Sandbox { max_response: 1 << 20, ..Sandbox::default() };
    let guest = load("huge_body", sandbox)?;
    let largest = get(&guest, "/1048576")?;
    assert_eq!(largest.data.map(|data| data.len()), Some(1 << 20));
    assert!(matches!(get(&guest, "/1048577"), Err(Fault::ResponseTooLarge(_))));
    let many = Host::serve(HttpServer::new(load("many_headers", Sandbox::default())?))?;
    assert_eq!(many.get("/1000")?.headers.len(), 1000 + 2);
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
fn guests_of_many_parts_leave_places_for_others() -> Result<()> {
    let engine = new_engine(EngineOptions { instances: 4, ..EngineOptions::default() })?;
    let timeout = Duration::from_millis(500);
    let sandbox = Sandbox { timeout, ..Sandbox::default() };
    let greedy = load_into(&engine, "take_every_place", sandbox)?;
    let healthy = load_into(&engine, "answer", Sandbox::default())?;
    thread::scope(|scope| {
        let greedy = [(); 3].map(|()| scope.spawn(|| get(&greedy, "/")));
        while !greedy.iter().all(|thread| thread.is_finished()) {
            assert_eq!(get(&healthy, "/")?.status, 200);
        }
        for thread in greedy {
            assert_eq!(thread.join().expect("no panic"), Err(Fault::Timeout(timeout)));
        }
        Ok(())
    })
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
        ensure!(matches!(fault, Err(Fault::OutOfMemory { .. })), "{allocation}: {fault:?}");

        let tables = answer_with(
            "(core module $part (table 60000 funcref))
            (core instance (instantiate $part)) (core instance (instantiate $part))",
        )?;
        let sandbox = Sandbox { max_memory: 1 << 20, ..Sandbox::default() };
        let component = Component::from_bytes(&engine, "tables", &tables, sandbox, &Cache::none())?;
        let fault = get(&component, "/");
        ensure!(matches!(fault, Err(Fault::OutOfMemory { .. })), "{allocation}: {fault:?}");
    }
    Ok(())
}
