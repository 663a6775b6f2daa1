//! The files that a plan needs, for those who want all others refused.

use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use picohttp_host::config::Plan;
use picohttp_host::folder_of;

/// What programs of this system are made of.
const SYSTEM: [&str; 8] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store"];

/// What libraries look at.
const LOOKED_AT: [&str; 8] = [
    "/proc",
    "/sys",
    "/dev/urandom",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/localtime",
];

/// Files and folders, and what may be done with them and with all that is in them.
///
/// A file stands for its folder: who replaces a file by another gives it another identity.
#[derive(Debug)]
pub struct Files {
    pub read: BTreeSet<PathBuf>,
    /// May be read, too.
    pub write: BTreeSet<PathBuf>,
    /// May be read, too.
    pub execute: BTreeSet<PathBuf>,
}

impl Files {
    /// Those of a plan. The cache is made if it is not there.
    pub fn of(plan: &Plan, cache: Option<&Path>) -> Result<Files> {
        let server = &plan.server;
        let routes = || plan.routes();
        let sources = routes().filter_map(|route| route.source.path());
        let tls = server.tls.iter().flat_map(|(certificate, key)| [certificate, key]);
        let files = plan.files.iter().chain(tls).chain(&server.admin_token_file);
        let mut read: BTreeSet<PathBuf> = LOOKED_AT.iter().map(PathBuf::from).collect();
        read.extend(plan.folders.iter().cloned());
        for file in files.map(PathBuf::as_path).chain(sources) {
            read.extend(folders_of(file));
        }
        let folders = || routes().flat_map(|route| &route.sandbox.directories);
        read.extend(folders().map(|folder| folder.host.clone()));
        let writable = folders().filter(|folder| folder.writable);
        let mut write: BTreeSet<PathBuf> = writable.map(|folder| folder.host.clone()).collect();
        // What children are given to write to.
        write.insert(PathBuf::from("/dev/null"));
        write.extend(server.access_log_file().into_iter().flat_map(folders_of));
        if let Some(cache) = cache {
            // One that cannot be made is none, which is told when it is needed.
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(cache);
            write.insert(cache.to_owned());
        }
        let mut execute: BTreeSet<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
        execute.extend(folders_of(&env::current_exe().context("the program has no path")?));
        Ok(Files { read, write, execute })
    }
}

impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Files { read, write, execute } = self;
        write!(
            f,
            "only those below {} folders, of which {} may be written to",
            read.len() + write.len() + execute.len(),
            write.len()
        )
    }
}

/// The folder that a file is in, by its name, and the one where that leads.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let real = file.canonicalize().ok();
    [Some(file), real.as_deref()].into_iter().flatten().map(folder_of).map(Path::to_owned).collect()
}
