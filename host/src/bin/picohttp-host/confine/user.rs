//! Becomes another user, for good.

use std::ffi::CString;
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{self, Gid, Group, Uid, getegid, geteuid, getuid};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// The user that this process is.
pub struct User {
    name: String,
    uid: Uid,
    gid: Gid,
    pub home: PathBuf,
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}), group {}", self.name, self.uid, self.gid)
    }
}

impl User {
    /// Becomes the user of `NAME[:GROUP]`, either of which may be a number, with no groups
    /// but that one and those that the user is a member of. All of the process's threads
    /// do.
    ///
    /// # Errors
    ///
    /// There is no such user or group, it is root, or this process is somebody else and
    /// not root.
    pub fn switch_to(text: &str) -> Result<User> {
        let (user, is_known) = User::find(text)?;
        ensure!(!user.uid.is_root(), "that would give up nothing");
        // A process that takes the place of another is what that has become.
        if (getuid(), geteuid(), getegid()) != (user.uid, user.uid, user.gid) {
            ensure!(geteuid().is_root(), "only root can become another user");
            switch(&user, is_known)?;
        }
        Ok(user)
    }

    /// Whoever is meant, and whether the system knows it by name.
    fn find(text: &str) -> Result<(User, bool)> {
        let (name, group) = match text.split_once(':') {
            Some((name, group)) => (name, Some(group)),
            None => (text, None),
        };
        let entry = match (unistd::User::from_name(name)?, number(name)) {
            (None, Some(uid)) => unistd::User::from_uid(uid.into())?,
            (entry, _) => entry,
        };
        let gid = match (group, &entry) {
            (Some(group), _) => match Group::from_name(group)? {
                Some(entry) => entry.gid,
                None => number(group).with_context(|| format!("there is no group {group}"))?.into(),
            },
            (None, Some(entry)) => entry.gid,
            (None, None) => bail!("there is no such user; a number needs a group: UID:GID"),
        };
        Ok(match entry {
            Some(entry) => (User { name: entry.name, uid: entry.uid, gid, home: entry.dir }, true),
            None => {
                let uid = number(name).context("there is no such user")?.into();
                (User { name: name.to_owned(), uid, gid, home: PathBuf::from("/") }, false)
            }
        })
    }
}

fn switch(user: &User, is_known: bool) -> Result<()> {
    let groups = if is_known {
        unistd::initgroups(&CString::new(user.name.as_str())?, user.gid)
    } else {
        unistd::setgroups(&[user.gid])
    };
    groups.context("cannot give up groups")?;
    unistd::setresgid(user.gid, user.gid, user.gid).context("cannot change the group")?;
    unistd::setresuid(user.uid, user.uid, user.uid).context("cannot change the user")?;
    ensure!(unistd::setuid(Uid::from_raw(0)).is_err(), "root's privileges could be had back");
    // Who has changed its user may not look at its own pages (/proc/self/pagemap), which
    // the pool of instances does; core files are off by a limit.
    set_dumpable_behavior(DumpableBehavior::Dumpable).context("cannot look at own pages")
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}
