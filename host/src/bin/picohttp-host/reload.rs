//! Reads the plan again, and serves it if it is sound.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};
use picohttp_host::config::Plan;
use picohttp_host::{Deployer, RunningServer, Tenant, Tls};
use tracing::{error, info, warn};

use crate::cli::Serve;
use crate::watch::Changes;
use crate::{notify, plan, server, watch};

/// Reloads when it is asked to.
pub struct Reloader {
    asks: Sender<()>,
}

/// What a reload needs.
struct Reloading {
    options: Serve,
    /// What was served at first, or at last.
    plan: Plan,
    deployer: Deployer,
    server: Arc<RunningServer>,
    /// What is watched; looked at anew after every reload, as it may name other files.
    changes: Option<Changes>,
}

impl Reloader {
    /// Waits to be asked, or for changes if they are watched, on a thread of its own.
    pub fn start(
        options: Serve,
        plan: Plan,
        deployer: Deployer,
        server: Arc<RunningServer>,
        changes: Option<Changes>,
    ) -> Result<Reloader> {
        let (asks, asked) = mpsc::channel();
        let mut reloading = Reloading { options, plan, deployer, server, changes };
        reloading.report_to(&asks);
        let again = asks.clone();
        thread::Builder::new()
            .name("reload".to_owned())
            .spawn(move || {
                while asked.recv().is_ok() {
                    watch::settle(&asked);
                    reloading.reload(&again);
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
    fn report_to(&mut self, asks: &Sender<()>) {
        if let Some(changes) = &mut self.changes {
            changes.report_to(asks.clone());
        }
    }

    fn reload(&mut self, asks: &Sender<()>) {
        let started = Instant::now();
        notify::reloading();
        let replaced = self.replace(asks);
        notify::ready();
        match replaced {
            Ok(()) => {
                let tenants = self.plan.tenants.len();
                info!(tenants, took = ?started.elapsed(), "serving what has changed");
            }
            Err(error) => error!("still serving what was served before: {error:#}"),
        }
    }

    fn replace(&mut self, asks: &Sender<()>) -> Result<()> {
        let prepared = self.prepare(asks);
        let (plan, tenants, tls) = prepared.inspect_err(|_| self.server.count_failed_reload())?;
        self.server.replace(tenants)?;
        if let Some(tls) = tls {
            self.server.replace_tls(tls);
        }
        if plan.server != self.plan.server {
            warn!("what has changed in [server] counts after a restart");
        }
        // Compared with what the server really does, also next time.
        self.plan.tenants = plan.tenants;
        Ok(())
    }

    /// All that can go wrong, before anything is replaced.
    fn prepare(&mut self, asks: &Sender<()>) -> Result<(Plan, Vec<Tenant>, Option<Tls>)> {
        let plan = plan::of(&self.options)?;
        if self.changes.is_some() {
            // Before anything is loaded: a change from then on counts.
            self.changes = Some(watch::watch(&plan)?);
            self.report_to(asks);
        }
        let tenants = self.deployer.tenants(&plan, |_, _| {})?;
        let tls = server::tls(&self.plan.server)?;
        Ok((plan, tenants, tls))
    }
}
