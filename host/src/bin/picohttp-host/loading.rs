//! The handlers of a start: all of them, or those that are there soon.

use std::collections::HashSet;
use std::env;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use picohttp_host::config::Plan;
use picohttp_host::{DeployErrors, Deployer, Deployment, Tenant};
use tracing::{error, warn};

use crate::progress;

/// How long a server waits for all of its handlers before it serves some of them.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a server begins with.
pub struct Loaded {
    pub tenants: Vec<Tenant>,
    /// Where all that can be served comes later, if that is more.
    pub rest: Option<Rest>,
}

/// What comes later than the beginning.
pub struct Rest {
    pub deployment: Receiver<Deployment>,
    /// What has been said already of handlers that cannot be loaded.
    pub told: HashSet<String>,
}

/// Names in the environment the routes without handlers of the process before this one, a line
/// each.
const MISSING: &str = "PICOHTTP_MISSING";

/// How long such a list may be, in bytes: Linux has room for twice as many.
const MAX_MISSING: usize = 64 << 10;

/// The handler, if there is but one.
pub fn all(plan: &Plan, deployer: &Deployer, announce: bool) -> Result<Loaded> {
    let deployment = deployer.replacement(plan, progress::show(announce, plan));
    let Deployment { tenants, .. } = deployment.map_err(plainly)?;
    Ok(Loaded { tenants, rest: None })
}

/// What is wrong with handlers. Nobody need be told which of one it is.
pub fn plainly(errors: DeployErrors) -> anyhow::Error {
    match errors.errors() {
        [only] => anyhow!("{}", only.cause),
        _ => errors.into(),
    }
}

/// The handlers of a configuration, for a process that takes the place of another. Handlers that
/// cannot be loaded are errors, unless the other process serves without them, too.
pub fn as_many(plan: &Plan, deployer: &Deployer, announce: bool) -> Result<Loaded> {
    let Deployment { tenants, errors, .. } =
        deployer.complete(plan, progress::show(announce, plan));
    let lacked = env::var(MISSING).unwrap_or_default();
    let lacked: HashSet<&str> = lacked.lines().collect();
    if !deployer.missing().iter().all(|route| lacked.contains(route.as_str())) {
        return Err(errors.into());
    }
    tell(&errors, &HashSet::new());
    Ok(Loaded { tenants, rest: None })
}

/// Tells a process that shall take the place of this one without which routes it may serve: those
/// that this one lacks. If they are too many to tell, it must have all.
pub fn tell_missing(deployer: &Deployer, command: &mut Command) {
    let missing = deployer.missing().join("\n");
    match missing.len() <= MAX_MISSING {
        true => command.env(MISSING, missing),
        false => command.env_remove(MISSING),
    };
}

/// Those handlers of a configuration that are there soon. Those that cannot be loaded keep no
/// others from being served; only if none can, nothing is.
pub fn some(plan: &Plan, deployer: &Arc<Deployer>, announce: bool) -> Result<Loaded> {
    let (send, rest) = mpsc::channel();
    let (all, compiler) = (plan.clone(), Arc::clone(deployer));
    thread::Builder::new()
        .name("loading".to_owned())
        .spawn(move || {
            // Nobody waits for it any more if the process is about to end.
            let _ = send.send(compiler.complete(&all, progress::show(announce, &all)));
        })
        .context("cannot start a thread")?;
    match rest.recv_timeout(PATIENCE) {
        Ok(Deployment { handlers: 0, errors, .. }) if !errors.errors().is_empty() => {
            return Err(errors.into());
        }
        Ok(Deployment { tenants, errors, .. }) => {
            tell(&errors, &HashSet::new());
            return Ok(Loaded { tenants, rest: None });
        }
        Err(RecvTimeoutError::Timeout) => {}
        Err(RecvTimeoutError::Disconnected) => bail!("the handlers cannot be loaded"),
    }
    let Deployment { tenants, handlers, pending, errors, .. } = deployer.available(plan);
    // Others need not be compiled for that.
    let told = tell(&errors, &HashSet::new());
    warn!(handlers, pending, "serving what is compiled; the rest follows");
    Ok(Loaded { tenants, rest: Some(Rest { deployment: rest, told }) })
}

/// Says which handlers cannot be loaded, but for what has been told already. Returns what is said.
pub fn tell(errors: &DeployErrors, told: &HashSet<String>) -> HashSet<String> {
    let said: Vec<String> = errors.errors().iter().map(ToString::to_string).collect();
    for error in said.iter().filter(|&error| !told.contains(error)) {
        error.lines().for_each(|line| error!("{line}"));
    }
    let count = said.len();
    if count > 0 {
        warn!(count, "handlers cannot be loaded: their routes answer 503 until they are mended");
    }
    said.into_iter().collect()
}
