//! The handlers of a start: all of them, or, if that takes long, those that are there.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
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
    pub rest: Option<Receiver<Deployment>>,
}

/// The one handler of a command line, which is there or is not.
pub fn one(plan: &Plan, deployer: &Deployer, announce: bool) -> Result<Loaded> {
    let tenants = deployer.tenants(plan, progress::show(announce));
    Ok(Loaded { tenants: tenants.map_err(plainly)?, rest: None })
}

/// What is wrong with handlers. Nobody need be told which of one it is.
pub fn plainly(errors: DeployErrors) -> anyhow::Error {
    match errors.errors() {
        [only] => anyhow!("{}", only.cause),
        _ => errors.into(),
    }
}

/// The handlers of a configuration. Those that cannot be loaded keep no others from being
/// served; only if there are none at all there is nothing to serve.
pub fn many(plan: &Plan, deployer: &Arc<Deployer>, announce: bool) -> Result<Loaded> {
    let (send, rest) = mpsc::channel();
    let (all, compiler) = (plan.clone(), Arc::clone(deployer));
    thread::Builder::new()
        .name("loading".to_owned())
        .spawn(move || {
            // Nobody waits for it any more if the process is about to end.
            let _ = send.send(compiler.complete(&all, progress::show(announce)));
        })
        .context("cannot start a thread")?;
    if let Ok(Deployment { tenants, handlers, errors, .. }) = rest.recv_timeout(PATIENCE) {
        if handlers == 0 && !errors.errors().is_empty() {
            return Err(errors.into());
        }
        tell(&errors);
        return Ok(Loaded { tenants, rest: None });
    }
    let Deployment { tenants, handlers, pending, .. } = deployer.available(plan);
    warn!(handlers, pending, "serving what is compiled; the rest follows");
    Ok(Loaded { tenants, rest: Some(rest) })
}

/// Says which handlers cannot be loaded.
pub fn tell(errors: &DeployErrors) {
    for error in errors.errors() {
        error!("{error}");
    }
    let count = errors.errors().len();
    if count > 0 {
        warn!(count, "routes without a handler answer 503 until they are mended");
    }
}
