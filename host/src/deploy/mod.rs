//! From a [`Plan`] to tenants that can be served: every component is loaded, once.

mod error;
mod sources;

use std::collections::{HashMap, HashSet};
use std::fmt;

use parking_lot::Mutex;

pub use error::{DeployError, DeployErrors};

use crate::config::{Plan, RoutePlan, TenantPlan};
use crate::source::{Source, SourceError};
use crate::{Cache, Component, Engine, Route, Tenant};
use sources::{Effort, Loaded};

/// Loads components, and keeps those that are in use for the next time.
///
/// What it is asked for takes as long as reading, building ([`Source::Folder`], which runs `cargo`
/// and has no time limit) and compiling take. It may be asked from any thread.
pub struct Deployer {
    engine: Engine,
    cache: Cache,
    loaded: Mutex<Components>,
    /// Once all of some plan is served that can be, what is missing.
    missing: Mutex<Option<Vec<String>>>,
}

impl fmt::Debug for Deployer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deployer")
            .field("engine", &self.engine)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

/// What a component was compiled from.
type Digest = [u8; 32];

/// Components that need not be loaded again.
#[derive(Default)]
struct Components {
    /// Those that are served.
    served: HashMap<Digest, Component>,
    /// Those of the last attempt to serve others. Of an earlier one none is kept: as long as
    /// one tenant's handler is broken, another's could bring a new one each time.
    attempted: HashMap<Digest, Component>,
    /// What the sources of that attempt were, as far as they have been loaded.
    sources: HashMap<Source, Digest>,
}

impl Components {
    fn get(&self, digest: &Digest) -> Option<&Component> {
        self.served.get(digest).or_else(|| self.attempted.get(digest))
    }
}

/// As much of a plan as can be served.
#[derive(Debug)]
#[non_exhaustive]
pub struct Deployment {
    /// All tenants of the plan. Requests to routes without a handler are answered with 503
    /// ([`Fault::Unavailable`](crate::Fault)).
    pub tenants: Vec<Tenant>,
    /// How many routes have handlers.
    pub handlers: usize,
    /// How many components must be compiled before they can be served.
    pub pending: usize,
    /// Why others cannot be.
    pub errors: DeployErrors,
}

impl Deployer {
    /// Loads components for `engine`; those that were compiled before, from `cache`.
    pub fn new(engine: Engine, cache: Cache) -> Deployer {
        Deployer { engine, cache, loaded: Mutex::default(), missing: Mutex::default() }
    }

    /// What of a plan can be served at once: with what was compiled before. The rest is
    /// for [`complete`](Deployer::complete).
    pub fn available(&self, plan: &Plan) -> Deployment {
        self.deployment(plan, &mut self.load_all(plan, Effort::Load, |_, _| {}))
    }

    /// What of a plan has been loaded by now, while [`complete`](Deployer::complete) is at it. No
    /// file is read.
    pub fn loaded_so_far(&self, plan: &Plan) -> Deployment {
        let sources = plan.routes().map(|route| &route.source);
        let loaded = sources.map(|source| (source, self.loaded_before(source)));
        self.deployment(plan, &mut loaded.collect())
    }

    /// The routes of the plan that was deployed last whose handlers could not be loaded, each as
    /// its tenant's name, a space and its path.
    pub fn missing(&self) -> Vec<String> {
        self.missing.lock().clone().unwrap_or_default()
    }

    /// What of a plan can be served after all is compiled. `progress` is told, at
    /// first and after each component, how many are loaded by now, and of how many; by several
    /// threads, so perhaps not in order.
    pub fn complete(&self, plan: &Plan, progress: impl Fn(usize, usize) + Sync) -> Deployment {
        let mut sources = self.load_all(plan, Effort::Compile, progress);
        let deployment = self.deployment(plan, &mut sources);
        self.keep(sources, missing(&deployment.tenants));
        deployment
    }

    /// What of a plan can be served in the place of the one that was deployed last, if that is no
    /// less: only routes that have been [`missing`](Deployer::missing) may still be. `progress` is
    /// told what [`complete`](Deployer::complete) would tell.
    ///
    /// # Errors
    ///
    /// [`DeployErrors`]: all that is wrong.
    pub fn replacement(
        &self,
        plan: &Plan,
        progress: impl Fn(usize, usize) + Sync,
    ) -> Result<Deployment, DeployErrors> {
        let mut sources = self.load_all(plan, Effort::Compile, progress);
        let deployment = self.deployment(plan, &mut sources);
        let (before, missing) = (self.missing(), missing(&deployment.tenants));
        let before: HashSet<&String> = before.iter().collect();
        if missing.iter().any(|route| !before.contains(route)) {
            self.give_up(sources);
            return Err(deployment.errors);
        }
        self.keep(sources, missing);
        Ok(deployment)
    }

    /// The handlers of all routes of a plan, in its order.
    ///
    /// # Errors
    ///
    /// [`DeployErrors`]: all that is wrong.
    pub fn handlers(
        &self,
        plan: &Plan,
        progress: impl Fn(usize, usize) + Sync,
    ) -> Result<Vec<Component>, DeployErrors> {
        let mut sources = self.load_all(plan, Effort::Compile, progress);
        let (handlers, errors) = self.take_handlers(plan, &mut sources);
        if !errors.errors().is_empty() {
            self.give_up(sources);
            return Err(errors);
        }
        self.keep(sources, Vec::new());
        Ok(handlers.into_iter().flatten().collect())
    }

    fn deployment(&self, plan: &Plan, sources: &mut HashMap<&Source, Loaded>) -> Deployment {
        let (handlers, errors) = self.take_handlers(plan, sources);
        let is_pending = |loaded: &&Loaded| matches!(loaded, Loaded::Pending);
        let pending = sources.values().filter(is_pending).count();
        let count = handlers.iter().flatten().count();
        Deployment { tenants: tenants(plan, handlers), handlers: count, pending, errors }
    }

    /// What the routes of a plan have, in its order, and what is wrong with the others. An
    /// error of a source is told once.
    fn take_handlers(
        &self,
        plan: &Plan,
        sources: &mut HashMap<&Source, Loaded>,
    ) -> (Vec<Option<Component>>, DeployErrors) {
        let (mut handlers, mut errors) = (Vec::new(), Vec::new());
        for tenant in &plan.tenants {
            for route in &tenant.routes {
                let handler = self.handler(route, sources.get_mut(&route.source));
                handlers.push(handler.unwrap_or_else(|cause| {
                    errors.push(DeployError {
                        tenant: tenant.name.clone(),
                        route: route.path.clone(),
                        written: route.written.clone(),
                        cause,
                    });
                    None
                }));
            }
        }
        (handlers, DeployErrors(errors))
    }

    fn handler(
        &self,
        route: &RoutePlan,
        loaded: Option<&mut Loaded>,
    ) -> Result<Option<Component>, SourceError> {
        match loaded {
            Some(Loaded::Ready(_, component)) => {
                let handler = component.in_sandbox(route.sandbox.clone(), &self.cache);
                handler.map(Some).map_err(|error| route.source.wrong(error))
            }
            Some(Loaded::Failed(error)) => error.take().map_or(Ok(None), Err),
            Some(Loaded::Pending) | None => Ok(None),
        }
    }

    /// Keeps what has been loaded for the next attempt.
    fn give_up(&self, sources: HashMap<&Source, Loaded>) {
        let mut loaded = self.loaded.lock();
        loaded.attempted = ready(sources);
        loaded.sources.clear();
    }

    /// Keeps what is in use from now on, and what is missing.
    fn keep(&self, sources: HashMap<&Source, Loaded>, missing: Vec<String>) {
        *self.loaded.lock() = Components { served: ready(sources), ..Components::default() };
        *self.missing.lock() = Some(missing);
    }
}

fn ready(sources: HashMap<&Source, Loaded>) -> HashMap<Digest, Component> {
    let ready = sources.into_values().filter_map(|loaded| match loaded {
        Loaded::Ready(digest, component) => Some((digest, component)),
        Loaded::Pending | Loaded::Failed(_) => None,
    });
    ready.collect()
}

/// The routes without handlers, each as its tenant's name, a space and its path.
fn missing(tenants: &[Tenant]) -> Vec<String> {
    let routes = |tenant: &Tenant| {
        let missing = tenant.routes.iter().filter(|route| route.handler.is_none());
        missing.map(|route| format!("{} {}", tenant.name, route.path)).collect::<Vec<_>>()
    };
    tenants.iter().flat_map(routes).collect()
}

/// The tenants of a plan, given what their routes have.
fn tenants(plan: &Plan, handlers: impl IntoIterator<Item = Option<Component>>) -> Vec<Tenant> {
    let mut handlers = handlers.into_iter();
    let served = |tenant: &TenantPlan| {
        let mut served = Tenant::new(&tenant.name).hosts(&tenant.hosts);
        served.totals = tenant.totals;
        let routes = tenant.routes.iter().zip(&mut handlers);
        served.routes = routes.map(|(route, handler)| served_route(route, handler)).collect();
        served
    };
    plan.tenants.iter().map(served).collect()
}

fn served_route(route: &RoutePlan, handler: Option<Component>) -> Route {
    let served = match handler {
        Some(handler) => Route::new(&route.path, handler),
        None => Route::unavailable(&route.path),
    };
    served.args(&route.args).max_body_size(route.max_body_size).quota(route.quota)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use picohttp_tests::guests::guest;

    use super::*;
    use crate::EngineOptions;
    use crate::config::ServerPlan;

    /// One tenant with two handlers.
    fn plan(good: &Path, broken: &Path) -> Plan {
        let route = |path: &str, file| RoutePlan::new(path, Source::at(file));
        let routes = vec![route("/good", good), route("/broken", broken)];
        let tenant = TenantPlan::new("a", &ServerPlan::default(), routes);
        Plan { tenants: vec![tenant], ..Plan::default() }
    }

    #[test]
    fn what_is_loaded_so_far_is_known_without_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let [good, broken] = ["good.wasm", "broken.wasm"].map(|name| folder.path().join(name));
        fs::copy(guest("behave").unwrap(), &good).unwrap();
        fs::write(&broken, "broken").unwrap();
        let plan = plan(&good, &broken);
        let engine = Engine::new(&EngineOptions::default()).unwrap();
        let cache = Cache::in_folder(folder.path().join("cache"));
        Deployer::new(engine.clone(), cache.clone()).complete(&plan, |_, _| {});

        let deployer = Deployer::new(engine, cache);
        assert_eq!(deployer.loaded_so_far(&plan).handlers, 0);
        assert_eq!(deployer.available(&plan).handlers, 1);
        fs::remove_file(&good).unwrap();
        assert_eq!(deployer.loaded_so_far(&plan).handlers, 1);
        assert!(deployer.missing().is_empty());
        fs::copy(guest("behave").unwrap(), &good).unwrap();
        assert_eq!(deployer.complete(&plan, |_, _| {}).handlers, 1);
        assert_eq!(deployer.missing(), ["a /broken"]);
    }

    #[test]
    fn of_many_attempts_that_failed_nothing_is_kept_but_of_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let [good, broken] = ["good.wasm", "broken.wasm"].map(|name| folder.path().join(name));
        fs::write(&broken, "broken").unwrap();
        let plan = plan(&good, &broken);
        let engine = Engine::new(&EngineOptions::default()).unwrap();
        let deployer = Deployer::new(engine, Cache::none());
        for name in ["behave", "files", "granted"] {
            fs::copy(guest(name).unwrap(), &good).unwrap();
            let failed = deployer.replacement(&plan, |_, _| {}).err().unwrap();
            assert_eq!(failed.errors().len(), 1, "{failed}");
            let loaded = deployer.loaded.lock();
            assert_eq!((loaded.served.len(), loaded.attempted.len()), (0, 1));
        }
        fs::copy(&good, &broken).unwrap();
        assert!(deployer.replacement(&plan, |_, _| {}).is_ok());
        let loaded = deployer.loaded.lock();
        assert_eq!((loaded.served.len(), loaded.attempted.len()), (1, 0));
    }
}
