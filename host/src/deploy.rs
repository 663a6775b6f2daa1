//! From a [`Plan`] to tenants that can be served: every component is loaded, once.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use sha2::{Digest as _, Sha256};

use crate::config::{Plan, RoutePlan, TenantPlan};
use crate::source::{Source, SourceError};
use crate::tenant::Bounds;
use crate::{Cache, Component, Engine, Quota, Route, Sandbox, Tenant};

/// Loads components, and keeps those that are in use for the next time.
pub struct Deployer {
    engine: Engine,
    cache: Cache,
    loaded: Mutex<HashMap<Digest, Component>>,
}

/// What a component was compiled from.
type Digest = [u8; 32];

/// What is wrong with the components of a plan: at least one of them cannot be served.
#[derive(Debug)]
pub struct DeployErrors(Vec<DeployError>);

/// Why a route has no handler.
#[derive(Debug)]
pub struct DeployError {
    /// The tenant.
    pub tenant: String,
    /// The path of the route; of the first, if several have the same source.
    pub route: String,
    /// What is wrong.
    pub cause: SourceError,
}

impl DeployErrors {
    /// What is wrong, in the order of the plan.
    pub fn errors(&self) -> &[DeployError] {
        &self.0
    }
}

impl fmt::Display for DeployErrors {
    /// One line for each route.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            let line_end = if number == 0 { "" } else { "\n" };
            write!(f, "{line_end}{error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DeployError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeployError { tenant, route, cause } = self;
        write!(f, "tenant {tenant}, route {route}: {cause}")
    }
}

impl std::error::Error for DeployErrors {}
impl std::error::Error for DeployError {}

impl Deployer {
    /// Loads components for `engine`; those that were compiled before, from `cache`.
    pub fn new(engine: Engine, cache: Cache) -> Deployer {
        Deployer { engine, cache, loaded: Mutex::default() }
    }

    /// The tenants of a plan with their handlers. `progress` is told, after each that was
    /// loaded, how many there are by now, and of how many.
    ///
    /// # Errors
    ///
    /// [`DeployErrors`]: all that is wrong.
    pub fn tenants(
        &self,
        plan: &Plan,
        progress: impl Fn(usize, usize) + Sync,
    ) -> Result<Vec<Tenant>, DeployErrors> {
        let mut tenants = Vec::with_capacity(plan.tenants.len());
        let handlers = self.handlers(plan, progress)?;
        let mut handlers = handlers.into_iter();
        for tenant in &plan.tenants {
            let mut served = Tenant::new(&tenant.name).hosts(&tenant.hosts);
            served.bounds = bounds(tenant);
            let routes = tenant.routes.iter().zip(&mut handlers);
            served.routes = routes.map(|(route, handler)| served_route(route, handler)).collect();
            tenants.push(served);
        }
        Ok(tenants)
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
        let mut sources = self.load_all(plan, progress);
        let (mut handlers, mut errors) = (Vec::new(), Vec::new());
        for tenant in &plan.tenants {
            for route in &tenant.routes {
                match self.handler(route, &mut sources) {
                    Ok(handler) => handlers.extend(handler),
                    Err(cause) => errors.push(DeployError {
                        tenant: tenant.name.clone(),
                        route: route.path.clone(),
                        cause,
                    }),
                }
            }
        }
        if !errors.is_empty() {
            return Err(DeployErrors(errors));
        }
        *self.loaded() = sources.into_values().flatten().collect();
        Ok(handlers)
    }

    /// Loads all sources of a plan, on as many threads as there are processors.
    fn load_all<'a>(
        &self,
        plan: &'a Plan,
        progress: impl Fn(usize, usize) + Sync,
    ) -> HashMap<&'a Source, Result<(Digest, Component), Option<SourceError>>> {
        let routes = plan.tenants.iter().flat_map(|tenant| &tenant.routes);
        let mut sources: Vec<&Source> = routes.map(|route| &route.source).collect();
        sources.sort_unstable();
        sources.dedup();
        // What was loaded before is being served now.
        let serves = !self.loaded().is_empty();
        let engine = if serves { self.engine.compiling_last() } else { self.engine.clone() };
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let results = Mutex::new(HashMap::with_capacity(sources.len()));
        let load = || {
            while let Some(&source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
                let loaded = self.load(&engine, source).map_err(Some);
                results.lock().unwrap_or_else(PoisonError::into_inner).insert(source, loaded);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, sources.len());
            }
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(sources.len());
        thread::scope(|scope| {
            // If a thread cannot be had, the others do its work.
            for _ in 1..threads {
                let _ = thread::Builder::new().name("load".to_owned()).spawn_scoped(scope, load);
            }
            load();
        });
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn load(&self, engine: &Engine, source: &Source) -> Result<(Digest, Component), SourceError> {
        let bytes = source.read()?;
        let digest: Digest = Sha256::digest(&bytes).into();
        if let Some(component) = self.loaded().get(&digest) {
            return Ok((digest, component.clone()));
        }
        // Its own limits are checked route by route.
        let widest = Sandbox { max_memory: engine.max_memory(), ..Sandbox::default() };
        let loaded = Component::from_bytes(engine, &source.name(), &bytes, widest, &self.cache);
        let component = loaded.map_err(|error| {
            SourceError::Load(match source.path() {
                Some(path) => error.in_file(path),
                None => error,
            })
        })?;
        Ok((digest, component))
    }

    /// The handler of a route. There is none, and no error, if the error was told before.
    fn handler(
        &self,
        route: &RoutePlan,
        sources: &mut HashMap<&Source, Result<(Digest, Component), Option<SourceError>>>,
    ) -> Result<Option<Component>, SourceError> {
        match sources.get_mut(&route.source) {
            Some(Ok((_, component))) => {
                let handler = component.in_sandbox(sandbox(route), &self.cache);
                handler.map(Some).map_err(SourceError::Load)
            }
            Some(Err(error)) => error.take().map_or(Ok(None), Err),
            None => Ok(None),
        }
    }

    fn loaded(&self) -> MutexGuard<'_, HashMap<Digest, Component>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bounds(tenant: &TenantPlan) -> Bounds {
    Bounds {
        quota: Quota {
            max_concurrent_requests: tenant.max_concurrent_requests,
            max_queue: tenant.max_queue,
            rate: tenant.rate,
        },
        max_memory: tenant.max_memory_total,
        log_rate: tenant.log_quota,
    }
}

fn served_route(route: &RoutePlan, handler: Component) -> Route {
    let all = Quota::default();
    Route::new(&route.path, handler).args(&route.args).max_body_size(route.max_body_size).quota(
        Quota {
            max_concurrent_requests: route
                .max_concurrent_requests
                .unwrap_or(all.max_concurrent_requests),
            max_queue: route.max_queue.unwrap_or(all.max_queue),
            rate: route.rate,
        },
    )
}

fn sandbox(route: &RoutePlan) -> Sandbox {
    Sandbox {
        timeout: route.timeout,
        cpu_time: route.cpu_time,
        max_memory: route.max_memory,
        max_response: route.max_response_size,
        max_output: route.max_output,
        directories: route.directories.clone(),
        environment: route.environment.clone(),
    }
}
