//! The life of one instance: store, instantiate, call with ten headers, drop.
//!
//! All ways to allocate are measured in turn, and then components that do less, round after
//! round, so that a machine whose speed drifts is the same for each. Printed is the median of
//! the rounds.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picohttp_host::{
    Allocation, Cache, Call, Component, EngineOptions, Handler, Origin, Request, RequestId,
    Sandbox, project,
};
use picohttp_tests::sandbox::{bytes, new_engine};

const ROUNDS: usize = 15;
const CALLS: u32 = 4000;

/// How many headers a usual request has.
const HEADERS: usize = 10;

fn main() -> Result<()> {
    let hello = fs::read(project::build(Path::new("../plugins/hello"))?)?;
    let bare = fs::read(project::build(Path::new("benches/compare/handler"))?)?;
    let allocations = [Allocation::PoolingPagemap, Allocation::Pooling, Allocation::OnDemand];
    let mut lives = Vec::new();
    for allocation in allocations {
        match load(&hello, allocation) {
            Ok(component) => lives.push(Life::new(&allocation.to_string(), component, HEADERS)),
            Err(error) => eprintln!("{allocation}: not available here: {error:#}"),
        }
    }
    print("hello, by allocation", &mut lives)?;

    let fastest = EngineOptions::default().allocation;
    let mut lives = vec![
        Life::new("hello", load(&hello, fastest)?, HEADERS),
        Life::new("without headers", load(&hello, fastest)?, 0),
        Life::new("without imports, either", load(&bare, fastest)?, 0),
        Life::new("without a toolchain's code, either", load(&bytes("answer")?, fastest)?, 0),
    ];
    print("by what is left out", &mut lives)
}

/// What is measured, and what came of it.
struct Life {
    name: String,
    component: Component,
    headers: usize,
    rounds: Vec<Duration>,
}

impl Life {
    fn new(name: &str, component: Component, headers: usize) -> Life {
        Life { name: name.to_owned(), component, headers, rounds: Vec::new() }
    }

    /// In microseconds.
    fn median(&mut self) -> f64 {
        self.rounds.sort();
        self.rounds.get(ROUNDS / 2).copied().unwrap_or_default().as_secs_f64() * 1e6
    }
}

/// Measures lives in turn, and prints how long they are, and the last one's many times as long.
fn print(title: &str, lives: &mut [Life]) -> Result<()> {
    for _ in 0..ROUNDS {
        for Life { component, headers, rounds, .. } in lives.iter_mut() {
            rounds.push(life(component, *headers)?);
        }
    }
    let last = lives.last_mut().context("nothing was measured")?.median();
    println!("{title:<40} {:>12} {:>10}", "microseconds", "last row");
    for life in lives {
        let median = life.median();
        println!("{:<40} {median:>12.1} {:>9.1}x", life.name, last / median);
    }
    Ok(())
}

fn load(component: &[u8], allocation: impl Into<Option<Allocation>>) -> Result<Component> {
    let allocation = allocation.into();
    let engine = new_engine(EngineOptions { allocation, ..EngineOptions::default() })?;
    Ok(Component::from_bytes(&engine, "bench", component, Sandbox::default(), &Cache::none())?)
}

/// The mean life of an instance over many, each called with so many headers.
fn life(component: &Component, headers: usize) -> Result<Duration> {
    let request = Request {
        method: "GET",
        path: vec!["hello"],
        query: vec![("name", "value")],
        protocol: "HTTP/1.1",
        headers: vec![("name-of-a-header", "value of a header, such as they are"); headers],
        data: None,
    };
    let origin = Arc::new(Origin::new("bench", "/..."));
    let call = Call::new(RequestId(0), &[], &origin);
    let start = Instant::now();
    for _ in 0..CALLS {
        let response = component.handle(&request, &call)?;
        ensure!(response.status == 200, "not answered");
    }
    Ok(start.elapsed() / CALLS)
}
