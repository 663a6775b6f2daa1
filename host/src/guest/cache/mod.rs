//! Compiled components on disk, so that the next start need not compile.
//!
//! A compiled component is machine code: whoever can write an entry can run code in
//! this process. So an entry is believed only if the folder and the file belong to
//! this user and nobody else may write them, and if it begins with the digest of what it
//! was made from and what it is. It is checked and loaded from one and the same reading.
//! Anything else is compiled anew, and replaced. When another is kept, those that were used
//! longest ago go, if all together take more than 2 GiB.

mod entry;
mod prune;
#[cfg(test)]
mod tests;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rustix::process::geteuid;
use sha2::{Digest as _, Sha256};
use tracing::{debug, warn};
use wasmtime::component::Component;

use super::load::deserialize;
use crate::{folders_on_the_way, identity};
pub(super) use entry::Entry;
use prune::prune;

/// How many bytes all that is kept may take.
const MAX_TOTAL: u64 = 2 << 30;

/// Where compiled components are kept.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: Option<Folder>,
    /// Whether anything is read from it, or kept there.
    used: bool,
    uses: Arc<CacheUse>,
    /// How many bytes all that is kept takes, once that is known.
    total: Arc<Mutex<Option<u64>>>,
}

#[derive(Clone, Debug)]
struct Folder {
    /// What it was called.
    named: PathBuf,
    /// Where it is, behind a link.
    resolved: PathBuf,
}

/// Where a link leads that no stranger has put there.
fn follow(link: &Path) -> Option<PathBuf> {
    let owner = link.symlink_metadata().ok()?.uid();
    let is_trusted = owner == 0 || owner == geteuid().as_raw();
    is_trusted.then(|| link.canonicalize().ok()).flatten()
}

/// How a cache, and every clone of it, was of use.
#[derive(Debug, Default)]
pub(crate) struct CacheUse {
    hits: AtomicU64,
    misses: AtomicU64,
    compilations: AtomicU64,
}

impl CacheUse {
    /// How often a component was there, how often not, and how many were compiled.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 3] {
        let CacheUse { hits, misses, compilations } = self;
        let counts = [("hit", hits), ("miss", misses), ("compiled", compilations)];
        counts.map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

impl Cache {
    /// Keeps nothing: every start compiles.
    pub fn none() -> Cache {
        Cache { folder: None, used: true, uses: Arc::default(), total: Arc::default() }
    }

    /// Keeps compiled components in `folder`, which is made when it is first needed. If it is a
    /// link of root's, or of this user's, that is followed now, and not again.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Cache {
        // Without a slash at its end: a link is a link.
        let named: PathBuf = folder.into().components().collect();
        let resolved = follow(&named).unwrap_or_else(|| named.clone());
        Cache { folder: Some(Folder { named, resolved }), ..Cache::none() }
    }

    /// The same cache, of which only is known where it is: nothing is read from it, and nothing
    /// is kept there.
    pub fn unused(self) -> Cache {
        Cache { used: false, ..self }
    }

    /// Keeps compiled components where this user's caches are:
    /// `$XDG_CACHE_HOME/picohttp-host`, or `.cache/picohttp-host` at home. Nothing is
    /// kept if there is no home.
    pub fn of_user() -> Cache {
        let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || std::env::home_dir().map(|home| home.join(".cache"));
        let caches = xdg.filter(|path| path.is_absolute()).or_else(home);
        caches.map_or_else(Cache::none, |caches| Cache::in_folder(caches.join("picohttp-host")))
    }

    /// Where compiled components are kept, if they are.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(|folder| folder.resolved.as_path())
    }

    /// Whether what is kept could be changed by who may write in `folder`.
    pub(crate) fn is_within_reach(&self, folder: &Path) -> bool {
        let Some(Folder { named, resolved }) = &self.folder else { return false };
        let leads_through = |path: &Path, folder: &Path| {
            let folder = identity(folder);
            let mut way = folders_on_the_way(path);
            way.push(path.to_owned());
            folder.is_some() && way.iter().any(|place| identity(place) == folder)
        };
        [named, resolved]
            .into_iter()
            .any(|cache| leads_through(cache, folder) || leads_through(folder, cache))
    }

    /// What counts the uses of this cache.
    pub(crate) fn uses(&self) -> Arc<CacheUse> {
        Arc::clone(&self.uses)
    }

    /// A compiled component, if there is one that can be believed.
    pub(super) fn load(
        &self,
        engine: &wasmtime::Engine,
        entry: Option<&Entry>,
    ) -> Option<Component> {
        let component = load(engine, entry?)?;
        self.uses.hits.fetch_add(1, Ordering::Relaxed);
        Some(component)
    }

    /// Counts a component that must be compiled, as it was not there.
    pub(super) fn count_miss(&self, entry: Option<&Entry>) {
        if entry.is_some() {
            self.uses.misses.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps a compiled component. That it cannot be kept is no reason not to serve.
    pub(super) fn store(&self, entry: Option<&Entry>, compiled: &[u8]) {
        self.uses.compilations.fetch_add(1, Ordering::Relaxed);
        let Some(entry) = entry else { return };
        let path = entry.path();
        match entry.write(compiled) {
            Ok(()) => debug!(path = %path.display(), "kept the compiled component"),
            Err(error) => {
                warn!(path = %path.display(), %error, "cannot keep the compiled component");
                return;
            }
        }
        self.make_room(compiled.len() as u64);
    }

    /// Removes what was used longest ago if there is too much now that so many bytes have come.
    /// The folder is looked through at first, and then only when it may be full by what this
    /// process has put there.
    fn make_room(&self, bytes: u64) {
        let Some(folder) = self.folder() else { return };
        let mut total = self.total.lock();
        let now = total.map(|before| before.saturating_add(bytes));
        *total = match now {
            Some(now) if now <= MAX_TOTAL => Some(now),
            _ => prune(folder, MAX_TOTAL)
                .inspect_err(|error| {
                    warn!(path = %folder.display(), %error, "cannot clean up the cache");
                })
                .ok(),
        };
    }

    /// Where a component is kept, if any are.
    pub(super) fn entry(&self, engine: &wasmtime::Engine, bytes: &[u8]) -> Option<Entry> {
        if !self.used {
            return None;
        }
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        let mut key = Sha256::new();
        key.update(env!("CARGO_PKG_VERSION"));
        key.update(settings.finish().to_le_bytes());
        key.update(bytes);
        Some(Entry::new(self.folder()?, key.finalize().into()))
    }
}

fn load(engine: &wasmtime::Engine, entry: &Entry) -> Option<Component> {
    let path = entry.path();
    let compiled = match entry.read() {
        Ok(compiled) => compiled,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            warn!(path = %path.display(), %error, "a cache entry is not usable; compiling anew");
            return None;
        }
    };
    deserialize(engine, &compiled)
        .inspect(|_| debug!(path = %path.display(), "compiled before"))
        .inspect_err(|error| {
            warn!(path = %path.display(), %error, "a cache entry does not load; compiling anew");
        })
        .ok()
}
