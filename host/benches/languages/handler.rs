//! A handler alone: loaded, instantiated and called without a server.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picohttp_host::{
    Cache, Call, Component, Engine, EngineOptions, Handler, Origin, Request, RequestId, Sandbox,
};

use crate::Files;

const ROUNDS: usize = 9;

/// How many calls a round has: as many as take this long, within bounds.
const ROUND: Duration = Duration::from_millis(100);

/// How many instances are alive at once when their memory is looked at.
const ALIVE: usize = 16;

/// What a handler takes.
pub struct Measured {
    /// To compile it, with all processors.
    pub compile: Duration,
    /// To load it when it was compiled before.
    pub load: Duration,
    /// Until an instance is there.
    pub instantiate: Duration,
    /// From the making of an instance to its end, with a request in between.
    pub life: Duration,
    /// What one more instance that is alive adds to the memory of the host, in bytes.
    pub memory: usize,
}

pub fn measure(files: &Files) -> Result<Measured> {
    let folder = tempfile::tempdir()?;
    let cache = Cache::in_folder(folder.path());
    let load = |cache: &Cache| -> Result<(Component, Duration)> {
        let engine = engine()?;
        let start = Instant::now();
        let sandbox = Sandbox::default();
        let component = Component::from_file(&engine, &files.greeting, sandbox, cache)?;
        Ok((component, start.elapsed()))
    };
    let (_, compile) = load(&cache)?;
    let mut loads = Vec::new();
    for _ in 0..ROUNDS {
        loads.push(load(&cache)?.1);
    }
    let (component, _) = load(&cache)?;
    let (instantiate, life) = lives(&component)?;
    drop(component);
    let memory = memory(&files.looping)?;
    Ok(Measured { compile, load: median(loads), instantiate, life, memory })
}

fn engine() -> Result<Engine> {
    Ok(Engine::new(&EngineOptions::default())?)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The median over rounds of the mean times of an instance: until it is there, and in all.
fn lives(component: &Component) -> Result<(Duration, Duration)> {
    let (_, first) = round(component, 10)?;
    let calls = ROUND.as_nanos() / first.as_nanos().max(1);
    let calls = u32::try_from(calls.clamp(20, 4000))?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(round(component, calls)?);
    }
    let (instantiate, life) = rounds.into_iter().unzip();
    Ok((median(instantiate), median(life)))
}

fn round(component: &Component, calls: u32) -> Result<(Duration, Duration)> {
    let origin = Arc::new(Origin::new("bench", "/..."));
    let mut instantiate = Duration::ZERO;
    let start = Instant::now();
    for _ in 0..calls {
        let call = Call::new(RequestId(0), &[], &origin);
        let response = component.handle(&request("hello"), &call)?;
        ensure!(response.status == 200, "not the first example");
        instantiate += call.cost.get().instantiate;
    }
    Ok((instantiate / calls, start.elapsed() / calls))
}

fn request(segment: &str) -> Request<'_> {
    Request {
        method: "GET",
        path: vec![segment],
        query: vec![("name", "value")],
        protocol: "HTTP/1.1",
        headers: vec![("name-of-a-header", "value of a header, such as they are"); 10],
        data: None,
    }
}

/// What instances that loop add to this process's own memory, for each.
fn memory(looping: &Path) -> Result<usize> {
    let timeout = Duration::from_secs(2);
    let sandbox = Sandbox { timeout, ..Sandbox::default() };
    let component = Component::from_file(&engine()?, looping, sandbox, &Cache::none())?;
    let before = own_memory()?;
    thread::scope(|scope| {
        for _ in 0..ALIVE {
            scope.spawn(|| {
                let origin = Arc::new(Origin::new("bench", "/..."));
                component.handle(&request("loop"), &Call::new(RequestId(0), &[], &origin))
            });
        }
        // They all loop by then.
        thread::sleep(timeout / 2);
        Ok(own_memory()?.saturating_sub(before) / ALIVE)
    })
}

/// The memory that no other process shares, in bytes.
fn own_memory() -> Result<usize> {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Private_Dirty:"));
    let kib = line.context("no Private_Dirty")?.trim().trim_end_matches(" kB");
    Ok(kib.parse::<usize>()? << 10)
}
