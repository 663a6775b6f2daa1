//! Gives up what serving does not need, once the sockets are bound: a second wall, for the
//! day that the one around the guests has a hole.
//!
//! What is given up cannot be had back, neither by this process nor by one that it starts.
//! So nothing may be refused here that a reload, a restart or a build could ask for; and it
//! must happen while there is one thread, as Landlock before Linux 7.0 confines no other.

mod calls;
mod files;
mod reach;
mod user;

use std::env;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use picohttp_host::config::{Confine, Plan};
use rustix::fs::{Access, access};
use rustix::process::{Resource, Rlimit, geteuid, setrlimit};
use rustix::thread::{self, CapabilitySet, CapabilitySets, SecureComputingMode};
use tracing::{debug, info, warn};

use crate::plan;
use files::Files;
use reach::Reach;
pub use user::User;

/// Tells a process that takes the place of this one what has been given up already: walls
/// are inherited, and the kernel allows but sixteen one within the other.
const INHERITED: &str = "PICOHTTP_HOST_CONFINED";

/// What a process may use none of.
const LIMITS: [Resource; 4] =
    [Resource::Core, Resource::Memlock, Resource::Msgqueue, Resource::Rtprio];

/// What this process has given up.
#[derive(Default)]
pub struct Confinement {
    /// What there is of it, and how it stands.
    facts: Vec<(&'static str, String)>,
    /// What could not be given up.
    failed: Vec<String>,
    /// What this kernel has no rules for.
    lacking: Vec<&'static str>,
    /// Whether handlers are built.
    builds: bool,
    /// A digest of the rules, if there are any.
    rules: Option<String>,
}

impl Confinement {
    /// Confines this process as its plan says, while there is no other thread. Compiled
    /// handlers are kept in `cache`, if they are.
    ///
    /// # Errors
    ///
    /// Files shall be refused, and cannot be.
    pub fn begin(plan: &Plan, user: Option<&User>, cache: Option<&Path>) -> Result<Confinement> {
        let mut confinement = Confinement { builds: plan.builds(), ..Confinement::default() };
        let is_user = || format!("as started ({})", geteuid().as_raw());
        confinement.add("user", user.map_or_else(is_user, User::to_string));
        let files = match plan.server.confine {
            Confine::Off => {
                confinement.add("the rest", "not confined, as was asked for");
                return Ok(confinement);
            }
            Confine::On => None,
            Confine::Files if confinement.builds => {
                bail!("files cannot be refused where handlers are built; serve their components")
            }
            Confine::Files => Some(Files::of(plan, cache)?),
        };
        confinement.give_up_privileges();
        confinement.raise_walls(&Reach { connections: confinement.builds, files })?;
        Ok(confinement)
    }

    fn give_up_privileges(&mut self) {
        match thread::set_no_new_privs(true) {
            Ok(()) => self.add("privileges", "none can be gained (no-new-privs)"),
            Err(error) => self.fail("privileges", error),
        }
        if geteuid().is_root() {
            self.add("capabilities", "root's");
        } else {
            match give_up_capabilities() {
                Ok(()) => self.add("capabilities", "none"),
                Err(error) => self.fail("capabilities", error),
            }
        }
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        match LIMITS.into_iter().try_for_each(|resource| setrlimit(resource, none)) {
            Ok(()) => self.add("limits", "no core file, locked memory, queues, real-time"),
            Err(error) => self.fail("limits", error),
        }
    }

    /// Has the kernel refuse what is never needed.
    fn raise_walls(&mut self, reach: &Reach) -> Result<()> {
        let filters = calls::filters(reach.connections);
        let mut rules = DefaultHasher::new();
        format!("{filters:?} {reach:?}").hash(&mut rules);
        let rules = format!("{:016x}", rules.finish());
        let is_filtered =
            || matches!(thread::secure_computing_mode(), Ok(SecureComputingMode::Filter));
        if env::var(INHERITED).is_ok_and(|inherited| inherited == rules) && is_filtered() {
            self.add("system calls, connections, files", "as the process before this one");
        } else {
            match reach.confine() {
                Ok(facts) => facts.into_iter().for_each(|(what, how)| match how {
                    Ok(how) => self.add(what, how),
                    Err(why) => self.lack(what, why),
                }),
                Err(error) if reach.files.is_some() => return Err(error),
                Err(error) => self.fail("connections", error),
            }
            // At last, as to install it is a system call, too.
            match filters.and_then(|filters| calls::install(&filters)) {
                Ok(said) => self.add("system calls", said),
                Err(error) => self.fail("system calls", error),
            }
        }
        self.rules = Some(rules);
        Ok(())
    }

    /// Logs what has been given up, and what should have been.
    pub fn log(&self) {
        for (what, how) in &self.facts {
            debug!("confined: {what}: {how}");
        }
        for failed in &self.failed {
            warn!("not confined: {failed}");
        }
        if !self.lacking.is_empty() {
            info!("not confined, as this kernel has no rules for it: {}", self.lacking.join(", "));
        }
        if self.builds && self.rules.is_some() {
            info!("handlers are built here, so this process may connect to others");
        }
        if geteuid().is_root() {
            warn!("serving as root; --user NAME gives that up once the sockets are bound");
        }
    }

    /// Tells a process that is about to be started what it will inherit.
    pub fn tell(&self, command: &mut Command) {
        match &self.rules {
            Some(rules) => command.env(INHERITED, rules),
            None => command.env_remove(INHERITED),
        };
    }

    fn add(&mut self, what: &'static str, how: impl Into<String>) {
        self.facts.push((what, how.into()));
    }

    fn lack(&mut self, what: &'static str, why: String) {
        self.lacking.push(what);
        self.add(what, format!("not confined: {why}"));
    }

    fn fail(&mut self, what: &'static str, error: impl fmt::Display) {
        self.failed.push(format!("{what}: {error:#}"));
        self.add(what, format!("not confined: {error:#}"));
    }
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts.iter().try_for_each(|(what, how)| writeln!(f, "{what}: {how}"))
    }
}

/// The user that the plan names, if it does.
///
/// # Errors
///
/// There is no such user, or it is root.
pub fn find_user(plan: &Plan) -> Result<Option<User>> {
    let Some(name) = &plan.server.user else { return Ok(None) };
    let user = User::find(name).with_context(|| format!("cannot become {name}"));
    user.map(Some).map_err(|error| plan::wrong(plan, "user", error))
}

/// Becomes the plan's user, if it names one, while there is no other thread.
///
/// # Errors
///
/// That cannot be done; or it could not read the configuration again.
pub fn become_user(plan: &Plan) -> Result<Option<User>> {
    let Some(user) = find_user(plan)? else { return Ok(None) };
    let switched = user.switch().with_context(|| format!("cannot become {}", user.name));
    switched.map_err(|error| plan::wrong(plan, "user", error))?;
    for file in &plan.files {
        let readable = access(file, Access::READ_OK).is_ok();
        ensure!(readable, "{} may not read {}, and must at SIGHUP", user.name, file.display());
    }
    Ok(Some(user))
}

/// They were needed to bind, if there were any. Who has none may not be allowed to say so.
fn give_up_capabilities() -> rustix::io::Result<()> {
    thread::clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    if thread::capabilities(None)? == none { Ok(()) } else { thread::set_capabilities(None, none) }
}

#[cfg(test)]
mod tests;
