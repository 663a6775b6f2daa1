//! Becomes another user, for good.

use std::ffi::CString;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{self, Gid, Group, Uid, getegid, geteuid, getuid};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// Somebody whom this process can be.
pub struct User {
    pub name: String,
    uid: Uid,
    gid: Gid,
    pub home: PathBuf,
    /// Whether the system knows it by name.
    is_known: bool,
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}), group {}", self.name, self.uid, self.gid)
    }
}

impl User {
    /// Whether this process is who it is meant to become.
    pub fn is_current(&self) -> bool {
        self.uid == geteuid()
    }

    /// Whoever is meant by `NAME[:GROUP]`, either of which may be a number.
    ///
    /// # Errors
    ///
    /// There is no such user or group, or it is root.
    pub fn find(text: &str) -> Result<User> {
        let (name, group) = match text.split_once(':') {
            Some((name, group)) => (name, Some(group)),
            None => (text, None),
        };
        let entry = match (unistd::User::from_name(name)?, number(name)) {
            (None, Some(uid)) => unistd::User::from_uid(uid.into())?,
            (entry, _) => entry,
        };
        let gid = match (group, &entry) {
            (Some(""), _) => bail!("the group is missing after `{name}:`"),
            (Some(group), _) => match Group::from_name(group)? {
                Some(entry) => entry.gid,
                None => number(group).with_context(|| format!("there is no group {group}"))?.into(),
            },
            (None, Some(entry)) => entry.gid,
            (None, None) => bail!("there is no such user; a number needs a group: UID:GID"),
        };
        let user = match entry {
            Some(entry) => {
                User { name: entry.name, uid: entry.uid, gid, home: entry.dir, is_known: true }
            }
            None => {
                let uid = number(name).context("there is no such user")?.into();
                let home = PathBuf::from("/");
                User { name: name.to_owned(), uid, gid, home, is_known: false }
            }
        };
        ensure!(!user.uid.is_root(), "that would give up nothing");
        Ok(user)
    }

    /// Becomes this user, with no groups but that one and those that it is a member of. All
    /// of the process's threads do.
    ///
    /// # Errors
    ///
    /// This process is somebody else and not root.
    pub fn switch(&self) -> Result<()> {
        // A process that takes the place of another is what that has become.
        if (getuid(), geteuid(), getegid()) == (self.uid, self.uid, self.gid) {
            return Ok(());
        }
        ensure!(geteuid().is_root(), "only root can become another user");
        let groups = if self.is_known {
            unistd::initgroups(&CString::new(self.name.as_str())?, self.gid)
        } else {
            unistd::setgroups(&[self.gid])
        };
        groups.context("cannot give up groups")?;
        unistd::setresgid(self.gid, self.gid, self.gid).context("cannot change the group")?;
        unistd::setresuid(self.uid, self.uid, self.uid).context("cannot change the user")?;
        ensure!(unistd::setuid(Uid::from_raw(0)).is_err(), "root's privileges could be had back");
        // Who has changed its user may not look at its own pages (/proc/self/pagemap), which
        // the pool of instances does; core files are off by a limit.
        set_dumpable_behavior(DumpableBehavior::Dumpable).context("cannot look at own pages")
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}
