//! Says all that is wrong with a configuration, and what each of its components can do.

use std::collections::BTreeSet;
use std::io::{Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use picohttp_host::config::{Plan, RoutePlan};
use picohttp_host::{Component, Deployer};

use crate::{cache_of, engine, progress, say, server};

/// Checks a configuration as if it were served. What is wrong goes to standard error, and
/// what the components import to standard output.
pub fn check(file: &Path) -> Result<ExitCode> {
    let plan = match Plan::read(file) {
        Ok(plan) => plan,
        Err(errors) => return Ok(fail(&errors.to_string())),
    };
    let deployer = Deployer::new(engine(&plan)?, cache_of(&plan, None));
    let files = [server::tls(&plan.server).err(), server::token(&plan.server).err()];
    let mut errors: Vec<String> =
        files.into_iter().flatten().map(|error| format!("server: {error:#}")).collect();
    let handlers = deployer.handlers(&plan, progress::show(true));
    let handlers = handlers.map_err(|error| errors.push(error.to_string())).unwrap_or_default();
    if !errors.is_empty() {
        return Ok(fail(&errors.join("\n")));
    }
    let mut report = Vec::new();
    let mut handlers = handlers.iter();
    for tenant in &plan.tenants {
        let hosts = match tenant.hosts.as_slice() {
            [] => "all other hosts".to_owned(),
            hosts => hosts.join(", "),
        };
        writeln!(report, "{} ({hosts})", tenant.name)?;
        for (route, handler) in tenant.routes.iter().zip(&mut handlers) {
            writeln!(report, "  {} {}", route.path, handler.name())?;
            for import in imports(handler) {
                writeln!(report, "    {import}: {}", granted(&import, route))?;
            }
        }
    }
    let routes: usize = plan.tenants.iter().map(|tenant| tenant.routes.len()).sum();
    writeln!(
        report,
        "{}: {} tenants, {routes} routes, no error",
        file.display(),
        plan.tenants.len()
    )?;
    // Whoever closes standard output has seen enough.
    let _ = stdout().write_all(&report);
    Ok(ExitCode::SUCCESS)
}

fn fail(errors: &str) -> ExitCode {
    say(errors);
    let count = errors.lines().count();
    say(&format!("{count} {}", if count == 1 { "error" } else { "errors" }));
    ExitCode::FAILURE
}

/// What a component imports, as far as it differs from one component to another.
fn imports(handler: &Component) -> BTreeSet<String> {
    let interfaces = handler.imports();
    let without_version = interfaces.iter().filter_map(|name| name.split('@').next());
    let packages = without_version.map(|name| match name {
        "wasi:cli/environment" => name,
        _ => name.split('/').next().unwrap_or(name),
    });
    packages.filter(|name| name.starts_with("wasi:")).map(str::to_owned).collect()
}

/// What the guest gets when it asks for something.
fn granted(import: &str, route: &RoutePlan) -> String {
    let list = |names: Vec<String>, none: &str| match names.as_slice() {
        [] => none.to_owned(),
        names => names.join(", "),
    };
    match import {
        "wasi:filesystem" => {
            let folders = route.directories.iter().map(|folder| {
                let mode = if folder.writable { "read and write" } else { "read only" };
                format!("{} as {} ({mode})", folder.host.display(), folder.guest)
            });
            list(folders.collect(), "no folder (`dirs`)")
        }
        "wasi:cli/environment" => {
            let names = route.environment.iter().map(|(name, _)| name.clone());
            list(names.collect(), "no variable (`environment`)")
        }
        "wasi:sockets" => "refused".to_owned(),
        _ => "given to all".to_owned(),
    }
}
