//! What a component imports, as far as it differs from one component to another.

use std::collections::BTreeSet;
use std::fmt;

use picohttp_host::{Component, Directory, Sandbox};
use serde::Serialize;

/// Folders are granted.
const FILESYSTEM: &str = "wasi:filesystem";

/// Variables are granted.
const ENVIRONMENT: &str = "wasi:cli/environment";

/// What every guest has.
const GIVEN: [&str; 5] = ["wasi:cli", "wasi:clocks", "wasi:io", "wasi:logging", "wasi:random"];

/// The package of the handlers' own interface.
const OWN: &str = "picohttp:handler";

/// Something that a guest asks for, and what it gets.
#[derive(Serialize)]
pub struct Import {
    name: String,
    granted: String,
}

/// The packages that a component imports, and what a sandbox grants of them, or what could; of
/// `wasi:cli`, only the interface that there is a grant for counts as another.
pub fn imports(handler: &Component, sandbox: Option<&Sandbox>) -> Vec<Import> {
    let interfaces = handler.imports();
    let without_version = interfaces.iter().filter_map(|name| name.split('@').next());
    let packages = without_version.map(|name| match name {
        ENVIRONMENT => name,
        _ => name.split('/').next().unwrap_or(name),
    });
    let packages: BTreeSet<&str> = packages.filter(|name| *name != OWN).collect();
    let import = |name: &str| Import { name: name.to_owned(), granted: granted(name, sandbox) };
    packages.into_iter().map(import).collect()
}

fn granted(import: &str, sandbox: Option<&Sandbox>) -> String {
    let list = |names: Vec<String>, none: &str| match names.as_slice() {
        [] => none.to_owned(),
        names => names.join(", "),
    };
    match (import, sandbox) {
        (FILESYSTEM, None) => "none but those granted with --dir (`dirs`)".to_owned(),
        (FILESYSTEM, Some(sandbox)) => {
            let folders = sandbox.directories.iter().map(|folder| {
                let mode = if folder.writable { "read and write" } else { "read only" };
                let Directory { host, guest, .. } = folder.resolved();
                format!("{} as {guest} ({mode})", host.display())
            });
            list(folders.collect(), "no folder (`dirs`)")
        }
        (ENVIRONMENT, None) => "none but those granted with --env (`environment`)".to_owned(),
        (ENVIRONMENT, Some(sandbox)) => {
            let names = sandbox.environment.iter().map(|(name, _)| name.clone());
            list(names.collect(), "no variable (`environment`)")
        }
        ("wasi:sockets", _) => "refused".to_owned(),
        (name, _) if GIVEN.contains(&name) => "given to all".to_owned(),
        _ => "nothing of it is here".to_owned(),
    }
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.granted)
    }
}
