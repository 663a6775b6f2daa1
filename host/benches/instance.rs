//! The life of one instance: store, instantiate, call with ten headers, drop.
//!
//! All ways to allocate are measured in turn, round after round, so that a machine
//! whose speed drifts is the same for each. Printed is the median of the rounds.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use picohttp_host::{
    Allocation, Cache, Call, Component, Engine, EngineOptions, Handler, Origin, Request, RequestId,
    Sandbox, project,
};

const ROUNDS: usize = 15;
const CALLS: u32 = 4000;

fn main() -> Result<()> {
    let file = project::build(Path::new("../plugins/hello"))?;
    let allocations = [Allocation::PoolingPagemap, Allocation::Pooling, Allocation::OnDemand];
    let mut measured = Vec::new();
    for allocation in allocations {
        match load(&file, allocation) {
            Ok(component) => measured.push((allocation, component, Vec::new())),
            Err(error) => eprintln!("{allocation}: not available here: {error:#}"),
        }
    }
    for _ in 0..ROUNDS {
        for (_, component, lives) in &mut measured {
            lives.push(life(component)?);
        }
    }

    let median = |lives: &mut Vec<Duration>| {
        lives.sort();
        lives.get(lives.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e6
    };
    let (_, _, last) = measured.last_mut().context("nothing was measured")?;
    let on_demand = median(last);
    println!("{:<32} {:>12} {:>10}", "life of one instance", "microseconds", "on demand");
    for (allocation, _, lives) in &mut measured {
        let life = median(lives);
        println!("{:<32} {life:>12.1} {:>9.1}x", allocation.to_string(), on_demand / life);
    }
    Ok(())
}

fn load(file: &Path, allocation: Allocation) -> Result<Component> {
    let options = EngineOptions { allocation: Some(allocation), ..EngineOptions::default() };
    let engine = Engine::new(&options).map_err(|error| anyhow!("{error:#}"))?;
    Ok(Component::from_file(&engine, file, Sandbox::default(), &Cache::none())?)
}

/// The mean life of an instance over many.
fn life(component: &Component) -> Result<Duration> {
    let request = Request {
        method: "GET",
        path: vec!["hello"],
        query: vec![("name", "value")],
        protocol: "HTTP/1.1",
        headers: vec![("name-of-a-header", "value of a header, such as they are"); 10],
        data: None,
    };
    let origin = Arc::new(Origin::new("bench", "/..."));
    let call = Call::new(RequestId(0), &[], &origin);
    let start = Instant::now();
    for _ in 0..CALLS {
        let response = component.handle(&request, &call)?;
        ensure!(response.status == 200, "not the hello handler");
    }
    Ok(start.elapsed() / CALLS)
}
