//! Components with bytes that are not theirs: each is refused or loaded, soon, and what is
//! loaded can do no more than any other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use picohttp_host::{Cache, Component, LoadError, Sandbox};

use crate::chance::chosen;
use crate::sandbox::{bytes, engine, get};

/// The guests whose bits are flipped.
const GUESTS: [&str; 4] = ["answer", "nap", "many_instances", "spin_in_realloc"];

/// How long one may take to be refused, or to be loaded and asked.
const SOON: Duration = Duration::from_secs(10);

/// What may come of a component, and how often it did.
#[derive(Default)]
pub struct Tally {
    pub outcomes: BTreeMap<&'static str, u64>,
    /// How long one took at the most.
    pub longest: Duration,
}

impl Tally {
    fn count(&mut self, outcome: &'static str, took: Duration) {
        *self.outcomes.entry(outcome).or_default() += 1;
        self.longest = self.longest.max(took);
    }

    fn add(&mut self, other: Tally) {
        for (outcome, count) in other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        self.longest = self.longest.max(other.longest);
    }
}

/// Flips one byte, or up to four, each to any other.
fn flip(component: &mut [u8], number: u64) {
    for flip in 0..=chosen((number, "flips"), 4) {
        let position = chosen((number, flip), component.len());
        component[position] ^= 1 + chosen((number, flip, "to"), 255) as u8;
    }
}

fn deploy(component: &[u8]) -> Result<&'static str> {
    let sandbox = Sandbox { timeout: Duration::from_millis(20), ..Sandbox::default() };
    Ok(match Component::from_bytes(engine()?, "flipped", component, sandbox, &Cache::none()) {
        Ok(handler) => match get(&handler, "/") {
            Ok(_) => "answered",
            Err(_) => "failed when it was asked",
        },
        Err(LoadError::Invalid(_)) => "refused as invalid",
        Err(_) => "refused for another reason",
    })
}

/// Deploys so many components, each with other bytes flipped. Fails if one takes long.
pub fn deploy_flipped(count: u64) -> Result<Tally> {
    let guests = GUESTS.map(bytes).into_iter().collect::<Result<Vec<_>>>()?;
    let next = AtomicU64::new(0);
    let work = || -> Result<Tally> {
        let mut tally = Tally::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(tally);
            }
            let mut component = guests[number as usize % guests.len()].clone();
            flip(&mut component, number);
            let began = Instant::now();
            let outcome = deploy(&component).with_context(|| format!("number {number}"))?;
            ensure!(began.elapsed() < SOON, "number {number} took {:?}", began.elapsed());
            tally.count(outcome, began.elapsed());
        }
    };
    let mut all = Tally::default();
    thread::scope(|scope| -> Result<()> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            all.add(thread.join().expect("a panic")?);
        }
        Ok(())
    })?;
    Ok(all)
}
