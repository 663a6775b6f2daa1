//! All that is wrong with a configuration, and what each of its components can do.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use picohttp_host::config::{self, Plan, Position, TenantPlan};
use picohttp_host::{Component, DeployError, Deployer};
use serde::Serialize;

use super::imports::{Import, imports};
use super::{Findings, Place, Problem};
use crate::cli::Check;
use crate::engine::{cache_of, engine};
use crate::{confine, plan, progress, server};

/// A configuration in which nothing is wrong.
#[derive(Serialize)]
pub struct Configuration {
    file: String,
    tenants: Vec<Tenant>,
}

#[derive(Serialize)]
struct Tenant {
    name: String,
    hosts: Vec<String>,
    routes: Vec<Route>,
}

#[derive(Serialize)]
struct Route {
    path: String,
    handler: String,
    source: Option<String>,
    imports: Vec<Import>,
}

/// Checks a configuration as if it were served: its keys, the files that they name, and the
/// handlers of those routes that can be read.
pub fn check(file: &Path, options: &Check) -> Result<Findings<Configuration>> {
    let (served, keys) = Plan::examine(file);
    let engine = engine(&served)?.allow_precompiled(options.allow_precompiled);
    let user = confine::find_user(&served);
    let cache = match &user {
        // Made by somebody else, the folder would be of no use to who serves.
        Ok(Some(user)) if !user.is_current() => cache_of(&served, Some(user)).unused(),
        _ => cache_of(&served, None),
    };
    let deployer = Deployer::new(engine, cache);
    let mut errors: Vec<Problem> = keys.err().iter().flat_map(wrong_keys).collect();
    if errors.is_empty() {
        errors.extend(plan::has_tenants(file, &served).err().map(wrong_file));
    }
    let files = [
        server::tls(&served).err(),
        server::token(&served).err(),
        user.err(),
        plan::refuse_writable(&served, None, options.allow_precompiled).err(),
    ];
    errors.extend(files.into_iter().flatten().map(wrong_file));
    match deployer.handlers(&served, progress::show(true, &served)) {
        Ok(handlers) if errors.is_empty() => {
            let mut handlers = handlers.iter();
            let tenants = served.tenants.iter().map(|tenant| describe(tenant, &mut handlers));
            Ok(Ok(Configuration { file: file.display().to_string(), tenants: tenants.collect() }))
        }
        Ok(_) => Ok(Err(errors)),
        Err(handlers) => {
            errors.extend(handlers.errors().iter().map(wrong_handler));
            Ok(Err(errors))
        }
    }
}

fn wrong_keys(errors: &config::Errors) -> Vec<Problem> {
    let problems = errors.problems().iter().map(wrong_key);
    let more = (errors.more() > 0).then(|| wrong(format!("and {} more", errors.more())));
    problems.chain(more).collect()
}

fn wrong_key(problem: &config::Problem) -> Problem {
    Problem {
        place: problem.position.as_ref().map(place).unwrap_or_default(),
        message: problem.message.clone(),
        line: problem.to_string(),
    }
}

fn wrong_file(error: anyhow::Error) -> Problem {
    error.downcast_ref().map_or_else(|| wrong(format!("{error:#}")), wrong_key)
}

fn wrong(message: String) -> Problem {
    wrong_key(&config::Problem { position: None, message })
}

fn wrong_handler(error: &DeployError) -> Problem {
    let DeployError { tenant, route, written, cause, .. } = error;
    let (tenant, route) = (Some(tenant.clone()), Some(route.clone()));
    let written = written.as_ref().map(place).unwrap_or_default();
    Problem {
        place: Place { tenant, route, ..written },
        message: cause.to_string(),
        line: error.to_string(),
    }
}

fn place(position: &Position) -> Place {
    Place {
        file: Some(position.file.display().to_string()),
        line: position.line,
        column: position.column,
        key: position.key.clone(),
        ..Place::default()
    }
}

fn describe<'a>(plan: &TenantPlan, handlers: &mut impl Iterator<Item = &'a Component>) -> Tenant {
    let routes = plan.routes.iter().zip(handlers).map(|(route, handler)| Route {
        path: route.path.clone(),
        handler: handler.name().to_owned(),
        source: route.source.path().map(|path| path.display().to_string()),
        imports: imports(handler, Some(&route.sandbox)),
    });
    let routes = routes.collect();
    Tenant { name: plan.name.clone(), hosts: plan.hosts.clone(), routes }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut count = 0;
        for Tenant { name, hosts, routes } in &self.tenants {
            let hosts = hosts.join(", ");
            let hosts = if hosts.is_empty() { "all other hosts" } else { &hosts };
            writeln!(f, "{name} ({hosts})")?;
            for Route { path, handler, imports, .. } in routes {
                writeln!(f, "  {path} {handler}")?;
                imports.iter().try_for_each(|import| writeln!(f, "    {import}"))?;
            }
            count += routes.len();
        }
        let (tenants, routes) = (counted(self.tenants.len(), "tenant"), counted(count, "route"));
        writeln!(f, "{}: {tenants}, {routes}, no error", self.file)
    }
}

/// A number of things.
fn counted(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}
