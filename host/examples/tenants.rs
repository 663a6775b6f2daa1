//! Serves the tenants of a configuration, as a program of your own would:
//! `cargo run --release --example tenants -- picohttp.toml`. Enter has it read again, and the end
//! of the input (Ctrl-D) stops the server.
//!
//! It is not confined as the program itself is, and nobody listens for operators: a configuration
//! that asks for operators, for another user or for `confine = "files"` is refused.

use std::env::{args_os, current_exe};
use std::error::Error;
use std::io::stdin;
use std::path::Path;
use std::process::ExitCode;

use picohttp_host::config::{Confine, Plan};
use picohttp_host::{
    Cache, Compiler, Deployer, Engine, EngineOptions, HttpServer, RunningServer, Tls, compile_stdin,
};

/// What has this program compile a component, as its only argument.
const COMPILE: &str = "compile-stdin";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let argument = args_os().nth(1).ok_or("name a configuration")?;
    if argument == COMPILE {
        return Ok(compile_stdin());
    }
    let file = Path::new(&argument);
    let mut plan = read(file, None)?;

    // Strangers' components are compiled in processes of their own, within bounds.
    let compiler = Compiler::command("/proc/self/exe", [COMPILE], plan.server.compile);
    let engine = Engine::new(&EngineOptions::of_plan(&plan))?.compiler(compiler);
    let cache = plan.server.cache_dir.as_ref().map_or_else(Cache::of_user, Cache::in_folder);
    let deployer = Deployer::new(engine, cache);
    let deployment = deployer.replacement(&plan, |done, all| println!("{done} of {all} loaded"))?;

    let mut server = HttpServer::of_plan(&plan.server, deployment.tenants).observer(|outcome| {
        let tenant = outcome.tenant.unwrap_or("nobody");
        println!("{tenant}: {} {}, {:?}", outcome.status, outcome.reason, outcome.total);
    });
    if let Some((certificate, key)) = &plan.server.tls {
        server = server.tls(Tls::from_files(certificate, key)?);
    }
    let server = server.start()?;
    let scheme = if plan.server.tls.is_some() { "https" } else { "http" };
    println!("Serving HTTP on {scheme}://{}/", server.address());
    for line in stdin().lines() {
        line?;
        match reload(file, &plan, &deployer, &server) {
            Ok(new) => plan = new,
            Err(error) => println!("still serving what was: {error}"),
        }
    }
    let cut = server.stop(plan.server.shutdown_timeout);
    println!("stopped; {cut} connections were cut off");
    Ok(ExitCode::SUCCESS)
}

/// A plan that may be served, in the place of another if there is one.
fn read(file: &Path, served: Option<&Plan>) -> Result<Plan, Box<dyn Error>> {
    let plan = Plan::read(file)?;
    if plan.tenants.is_empty() {
        return Err("there is no tenant to serve".into());
    }
    let server = &plan.server;
    if server.user.is_some() || server.admin_address.is_some() || server.confine == Confine::Files {
        return Err(
            "`user`, `admin_addr` and `confine = \"files\"` are not for this example".into()
        );
    }
    plan.refuse_writable(served, &[current_exe()?], false)?;
    Ok(plan.resolved())
}

/// Serves what the configuration says now. What it says of the server itself counts after a start.
fn reload(
    file: &Path,
    served: &Plan,
    deployer: &Deployer,
    server: &RunningServer,
) -> Result<Plan, Box<dyn Error>> {
    let plan = read(file, Some(served))?;
    let deployment = deployer.replacement(&plan, |_, _| {})?;
    server.replace(deployment.tenants)?;
    println!("serving {} handlers", deployment.handlers);
    Ok(plan)
}
