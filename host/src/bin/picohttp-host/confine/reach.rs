//! What this process may reach of other processes, other machines and files (Landlock).

use std::env;

use anyhow::{Result, ensure};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};

use super::files::Files;

/// The newest rules that are known to break nothing here. An older kernel has fewer.
const RULES: ABI = ABI::V7;

/// What is confined, and how; or why it is not.
pub type Fact = (&'static str, Result<String, String>);

/// What can be reached.
#[derive(Debug)]
pub struct Reach {
    /// Whether connections to others are needed.
    pub connections: bool,
    /// The only files, unless all are.
    pub files: Option<Files>,
}

impl Reach {
    /// Confines this thread, and all that it starts, to it. Returns what the kernel
    /// enforces of that.
    pub fn confine(&self) -> Result<Vec<Fact>> {
        let mut rules = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
        rules = rules.scope(scopes())?;
        if !self.connections {
            rules = rules.handle_access(AccessNet::ConnectTcp)?;
        }
        if self.files.is_some() {
            rules = rules.handle_access(AccessFs::from_all(RULES))?;
        }
        let mut rules = rules.create()?;
        if let Some(Files { read, write, execute }) = &self.files {
            let read_only = AccessFs::ReadFile | AccessFs::ReadDir;
            rules = rules
                .add_rules(path_beneath_rules(read, read_only))?
                .add_rules(path_beneath_rules(
                    write,
                    AccessFs::from_all(RULES) & !AccessFs::Execute,
                ))?
                .add_rules(path_beneath_rules(execute, AccessFs::from_read(RULES)))?;
        }
        let status = rules.restrict_self()?;
        let version = ABI::from(status.landlock);
        if self.files.is_some() {
            let enforced = status.ruleset != RulesetStatus::NotEnforced;
            ensure!(enforced, "the kernel cannot refuse files (Landlock, Linux 5.13)");
        }
        Ok(self.facts(version))
    }

    /// What a kernel with these rules enforces.
    fn facts(&self, version: ABI) -> Vec<Fact> {
        let since = |first: ABI, linux: &str, refused: &str| match version >= first {
            true => Ok(format!("{refused} (Landlock {version})")),
            false => Err(format!("Landlock has no rule for it here (Linux {linux} has)")),
        };
        let connections = match self.connections {
            true => Ok("may be made, as handlers are built".to_owned()),
            false => since(ABI::V4, "6.7", "none to others"),
        };
        let files = match &self.files {
            None => Ok("all that the user may".to_owned()),
            Some(files) => since(ABI::V1, "5.13", &files.to_string()),
        };
        let processes =
            since(ABI::V6, "6.12", "others get no signals, and no connections to abstract sockets");
        vec![("connections", connections), ("processes", processes), ("files", files)]
    }
}

/// What is kept from others' processes. A service manager may be told by a socket without
/// a file, which is all or nothing.
fn scopes() -> BitFlags<Scope> {
    let manager = env::var("NOTIFY_SOCKET").unwrap_or_default();
    if manager.starts_with('@') { Scope::Signal.into() } else { Scope::from_all(RULES) }
}
