//! Reads the plan again, and serves it if it is sound.

use std::collections::HashSet;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use picohttp_host::config::Plan;
use picohttp_host::{Deployer, Deployment, RunningServer, Tenant};
use tracing::{error, info, warn};

use crate::cli::Serve;
use crate::loading::Rest;
use crate::watch::Changes;
use crate::{loading, log, notify, plan, server, watch};

/// How often those handlers are served that have come meanwhile, while others are compiled.
const STEP: Duration = Duration::from_secs(1);

/// How many times a configuration is read again if each time there are other files in it.
const READINGS: usize = 3;

/// How often it is tried again to watch what could not be watched.
const AGAIN: Duration = Duration::from_secs(1);

/// How many tenants are named that are not served any more.
const MAX_NAMED: usize = 10;

/// Reloads when it is asked to.
pub struct Reloader {
    asks: Sender<()>,
}

/// What a reload needs.
pub struct Reloading {
    pub options: Serve,
    /// What was served at first, or at last.
    pub plan: Plan,
    pub deployer: Arc<Deployer>,
    pub server: Arc<RunningServer>,
    /// What is watched; looked at anew after every reload, as it may name other files.
    pub changes: Option<Changes>,
    /// Whether that could not be done the last time: changes may go unnoticed.
    pub is_blind: bool,
}

impl Reloader {
    /// Waits to be asked, or for changes if they are watched, on a thread of its own. Before,
    /// if not all handlers were there at the start, it waits for the `rest`.
    pub fn start(mut reloading: Reloading, rest: Option<Rest>) -> Result<Reloader> {
        // They may not be there any more when secrets are read again.
        reloading.plan.written.clear();
        let (asks, asked) = mpsc::channel();
        reloading.report_to(&asks);
        let again = asks.clone();
        thread::Builder::new()
            .name("reload".to_owned())
            .spawn(move || {
                if let Some(rest) = rest {
                    reloading.survive(|reloading| reloading.complete(&rest, &asked, &again));
                }
                loop {
                    reloading.survive(|reloading| {
                        reloading.wait(&asked, &again);
                        watch::settle(&asked);
                        reloading.reload(&again);
                    });
                }
            })
            .context("cannot start a thread")?;
        Ok(Reloader { asks })
    }

    /// Has the plan read again, soon.
    pub fn ask(&self) {
        // Nobody listens any more only if the process is about to end.
        let _ = self.asks.send(());
    }
}

impl Reloading {
    /// Does something; if it panics, what comes next is tried all the same. What goes wrong with
    /// one configuration must not keep the next from being read.
    fn survive(&mut self, act: impl FnOnce(&mut Reloading)) {
        if catch_unwind(AssertUnwindSafe(|| act(self))).is_err() {
            error!("reloading has panicked; reload to try again");
            self.server.count_failed_reload();
            notify::ready();
            thread::sleep(AGAIN);
        }
    }

    /// Waits until there is something to read again.
    fn wait(&mut self, asked: &Receiver<()>, asks: &Sender<()>) {
        while self.is_blind {
            if asked.recv_timeout(AGAIN).is_ok() {
                return;
            }
            // What was missing may be there again: a folder that is made anew, say.
            let plan = plan::of(&self.options, Some(&self.plan));
            if plan.is_ok_and(|plan| self.watch(&plan, asks).is_ok()) {
                return;
            }
        }
        // It cannot fail while there is somebody who could ask, which is here.
        let _ = asked.recv();
    }

    fn watch(&mut self, plan: &Plan, asks: &Sender<()>) -> Result<()> {
        self.changes = Some(watch::watch(plan)?);
        self.is_blind = false;
        self.report_to(asks);
        Ok(())
    }

    fn report_to(&mut self, asks: &Sender<()>) {
        if let Some(changes) = &mut self.changes {
            changes.report_to(asks.clone());
        }
    }

    /// Serves all handlers that there are, after a start with some of them; and until then,
    /// step by step, those that there are so far. Who asks for a reload meanwhile has the
    /// certificate and the token read at once, and all else afterwards.
    fn complete(&self, rest: &Rest, asked: &Receiver<()>, asks: &Sender<()>) {
        let (mut served, mut is_asked) = (0, false);
        let deployment = loop {
            match rest.deployment.recv_timeout(STEP) {
                Ok(deployment) => break Some(deployment),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break None,
            }
            if asked.try_iter().count() > 0 {
                is_asked = true;
                info!("reloading once the rest of the handlers is there");
                self.renew_secrets();
            }
            let Deployment { tenants, handlers, .. } = self.deployer.loaded_so_far(&self.plan);
            if handlers > served {
                served = handlers;
                self.serve(tenants);
            }
        };
        match deployment {
            Some(Deployment { tenants, handlers, errors, .. }) => {
                self.serve(tenants);
                loading::tell(&errors, &rest.told);
                info!(handlers, "serving all that there are");
                self.server.set_loading(false);
            }
            None => error!("the rest of the handlers cannot be loaded; reload to try again"),
        }
        if is_asked {
            // Who listens is here.
            let _ = asks.send(());
        }
    }

    fn serve(&self, tenants: Vec<Tenant>) {
        if let Err(error) = self.server.replace(tenants) {
            error!(%error, "cannot serve the handlers that were compiled");
        }
    }

    fn reload(&mut self, asks: &Sender<()>) {
        let started = Instant::now();
        notify::reloading();
        let is_renewed = self.renew_secrets();
        let replaced = self.replace(asks);
        notify::ready();
        match replaced {
            Ok(gone) => {
                let tenants = self.plan.tenants.len();
                let took = started.elapsed();
                let gone = Some(gone).filter(|gone| !gone.is_empty());
                if is_renewed {
                    info!(tenants, gone, ?took, "serving what has changed");
                } else {
                    warn!(tenants, gone, ?took, "serving what else has changed");
                }
            }
            Err(error) => log::failed("still serving what was served before", &error),
        }
    }

    /// Returns the names of tenants that are not served any more.
    fn replace(&mut self, asks: &Sender<()>) -> Result<String> {
        let (plan, tenants) =
            self.prepare(asks).inspect_err(|_| self.server.count_failed_reload())?;
        // If the rest of a start never came, all is there now.
        self.server.set_loading(false);
        self.server.replace(tenants)?;
        let changed = plan.server.changed_keys(&self.plan.server);
        if !changed.is_empty() {
            let keys = changed.join(", ");
            warn!(keys, "what has changed in [server] counts after a restart");
        }
        let names: HashSet<&str> = plan.tenants.iter().map(|it| it.name.as_str()).collect();
        let before = self.plan.tenants.iter().map(|tenant| tenant.name.as_str());
        let gone: Vec<&str> = before.filter(|name| !names.contains(name)).collect();
        let named = gone.iter().copied().take(MAX_NAMED).collect::<Vec<_>>().join(", ");
        let gone = match gone.len().saturating_sub(MAX_NAMED) {
            0 => named,
            more => format!("{named} and {more} more"),
        };
        // Compared with what the server really does, also next time.
        self.plan.tenants = plan.tenants;
        Ok(gone)
    }

    /// Reads the certificate and the operators' token again, which have their own time, whatever
    /// is wrong with some handler, or with one of the two. Returns whether nothing is wrong.
    fn renew_secrets(&self) -> bool {
        let mut is_right = true;
        let mut failed = |outcome: &str, error| {
            is_right = false;
            self.server.count_failed_reload();
            log::failed(outcome, &error);
        };
        match server::tls(&self.plan) {
            Ok(Some(tls)) => self.server.replace_tls(tls),
            Ok(None) => {}
            Err(error) => failed("still serving with the certificate from before", error),
        }
        if self.server.admin_address().is_some() {
            match server::token(&self.plan) {
                Ok(Some(token)) => self.server.replace_admin_token(&token),
                Ok(None) => {}
                Err(error) => failed("still asking operators for the token from before", error),
            }
        }
        is_right
    }

    /// All that can go wrong with handlers, before any is replaced.
    fn prepare(&mut self, asks: &Sender<()>) -> Result<(Plan, Vec<Tenant>)> {
        self.is_blind = self.changes.is_some();
        let mut plan = plan::of(&self.options, Some(&self.plan))?;
        if self.changes.is_some() {
            // A folder that comes between reading and watching would go unnoticed: it is read
            // again until nothing new is in it.
            for _ in 0..READINGS {
                self.watch(&plan, asks)?;
                let watched = mem::replace(&mut plan, plan::of(&self.options, Some(&self.plan))?);
                if (&watched.files, &watched.folders) == (&plan.files, &plan.folders) {
                    break;
                }
            }
        }
        let Deployment { tenants, errors, .. } = self.deployer.replacement(&plan, |_, _| {})?;
        loading::tell(&errors, &HashSet::new());
        Ok((plan, tenants))
    }
}
