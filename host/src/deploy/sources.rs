//! The sources of a plan, each loaded once, on as many threads as there are processors.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::{Deployer, Digest};
use crate::config::Plan;
use crate::processors::processors;
use crate::source::{Source, SourceError};
use crate::{Cache, Component, Engine, Sandbox};

/// How far loading goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// What was not compiled before is left for later.
    Load,
    /// All is compiled.
    Compile,
}

/// What a source came to.
pub(super) enum Loaded {
    Ready(Digest, Component),
    /// It must be compiled.
    Pending,
    /// The error is there until it is told.
    Failed(Option<SourceError>),
}

/// The sources of a plan, in the order in which they are loaded: the smallest of each tenant,
/// then the second of each, and so on, so that no tenant waits for all that another has. Of
/// those, what is small goes first: it is compiled soon, as a rule.
fn in_turn(plan: &Plan) -> Vec<&Source> {
    let mut turns: HashMap<&Source, usize> = HashMap::new();
    for tenant in &plan.tenants {
        let mut own: Vec<&Source> = tenant.routes.iter().map(|route| &route.source).collect();
        own.sort_unstable();
        own.dedup();
        own.sort_by_cached_key(|source| source.size());
        for (turn, source) in own.into_iter().enumerate() {
            let known = turns.entry(source).or_insert(turn);
            *known = turn.min(*known);
        }
    }
    let mut sources: Vec<&Source> = turns.keys().copied().collect();
    sources.sort_by_cached_key(|source| (turns.get(source).copied(), source.size(), *source));
    sources
}

impl Deployer {
    /// Loads all sources of a plan. `progress` is told, at first and after each, how many
    /// there are by now, and of how many.
    pub(super) fn load_all<'a>(
        &self,
        plan: &'a Plan,
        effort: Effort,
        progress: impl Fn(usize, usize) + Sync,
    ) -> HashMap<&'a Source, Loaded> {
        let sources = in_turn(plan);
        let cache = self.cache_for(plan);
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let results = Mutex::new(HashMap::with_capacity(sources.len()));
        progress(0, sources.len());
        let load = || {
            while let Some(&source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
                let loaded = self.load(source, effort, &cache);
                let loaded = loaded.unwrap_or_else(|error| Loaded::Failed(Some(error)));
                results.lock().insert(source, loaded);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, sources.len());
            }
        };
        let threads = processors().min(sources.len());
        thread::scope(|scope| {
            // If a thread cannot be had, the others do its work.
            for _ in 1..threads {
                let _ = thread::Builder::new().name("load".to_owned()).spawn_scoped(scope, load);
            }
            load();
        });
        results.into_inner()
    }

    /// The cache, unless a handler of the plan may change what is kept there.
    fn cache_for(&self, plan: &Plan) -> Cache {
        let routes = plan.routes();
        let mut folders = routes.flat_map(|route| &route.sandbox.directories);
        match folders.any(|folder| folder.writable && self.cache.is_within_reach(&folder.host)) {
            true => Cache::none(),
            false => self.cache.clone(),
        }
    }

    fn load(&self, source: &Source, effort: Effort, cache: &Cache) -> Result<Loaded, SourceError> {
        if effort == Effort::Load && matches!(source, Source::Folder(_)) {
            return Ok(Loaded::Pending);
        }
        let bytes = source.read()?;
        let digest: Digest = Sha256::digest(&bytes).into();
        let name = source.name();
        let known = self.loaded.lock().get(&digest).map(|component| component.named(&name));
        if let Some(component) = known {
            self.loaded.lock().sources.insert(source.clone(), digest);
            return Ok(Loaded::Ready(digest, component));
        }
        let engine = self.engine();
        // Its own limits are checked route by route.
        let widest = Sandbox { max_memory: engine.max_memory(), ..Sandbox::default() };
        let component = match effort {
            Effort::Compile => {
                Component::from_bytes(&engine, &name, &bytes, widest, cache).map(Some)
            }
            Effort::Load => Component::from_cache(&engine, &name, &bytes, widest, cache),
        };
        let component = component.map_err(|error| source.wrong(error))?;
        let Some(component) = component else { return Ok(Loaded::Pending) };
        let mut loaded = self.loaded.lock();
        loaded.attempted.insert(digest, component.clone());
        loaded.sources.insert(source.clone(), digest);
        Ok(Loaded::Ready(digest, component))
    }

    /// What has been loaded of a source in the present attempt.
    pub(super) fn loaded_before(&self, source: &Source) -> Loaded {
        let loaded = self.loaded.lock();
        let digest = loaded.sources.get(source);
        let ready = digest.and_then(|digest| Some((*digest, loaded.get(digest)?)));
        ready.map_or(Loaded::Pending, |(digest, component)| {
            Loaded::Ready(digest, component.named(&source.name()))
        })
    }

    /// What compiles. Once all of a start is served, that goes first.
    fn engine(&self) -> Engine {
        match self.missing.lock().is_some() {
            true => self.engine.compiling_last(),
            false => self.engine.clone(),
        }
    }
}
