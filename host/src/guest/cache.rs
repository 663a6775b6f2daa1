//! Compiled components on disk, so that the next start need not compile.
//!
//! A compiled component is machine code: whoever can write an entry can run code in
//! this process. So an entry is believed only if the folder and the file belong to
//! this user and nobody else may write them, and if it begins with the digest of what it
//! was made from and what it is. It is checked and loaded from one and the same reading.
//! Anything else is compiled anew, and replaced.

use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};
use tracing::{debug, warn};
use wasmtime::component::Component;

/// Where compiled components are kept.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
    uses: Arc<CacheUse>,
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

/// Where a component is kept, whether it is there or not.
///
/// In the file is a seal and then the compiled component.
struct Entry {
    folder: PathBuf,
    /// The digest of the component's bytes, this engine's version and settings, and the
    /// host's version.
    key: Digest,
}

type Digest = [u8; 32];

impl Cache {
    /// Keeps nothing: every start compiles.
    pub fn none() -> Cache {
        Cache { folder: None, uses: Arc::default() }
    }

    /// Keeps compiled components in `folder`, which is made when it is first needed.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Cache {
        Cache { folder: Some(folder.into()), uses: Arc::default() }
    }

    /// Keeps compiled components where this user's caches are:
    /// `$XDG_CACHE_HOME/picohttp-host`, or `.cache/picohttp-host` at home. Nothing is
    /// kept if there is no home.
    pub fn of_user() -> Cache {
        let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || std::env::home_dir().map(|home| home.join(".cache"));
        let caches = xdg.filter(|path| path.is_absolute()).or_else(home);
        let folder = caches.map(|caches| caches.join("picohttp-host"));
        Cache { folder, uses: Arc::default() }
    }

    /// Whether what is kept could be changed by who may write in `folder`.
    pub(super) fn is_within_reach(&self, folder: &Path) -> bool {
        let Some(cache) = &self.folder else { return false };
        match cache.canonicalize() {
            Ok(cache) => cache.starts_with(folder) || folder.starts_with(cache),
            // It is not there yet: what counts is where it will be made.
            Err(_) => cache
                .ancestors()
                .find_map(|path| path.canonicalize().ok())
                .is_some_and(|parent| parent.starts_with(folder)),
        }
    }

    /// What counts the uses of this cache.
    pub(crate) fn uses(&self) -> Arc<CacheUse> {
        Arc::clone(&self.uses)
    }

    /// The compiled form of a component, if there is one that can be believed.
    pub(super) fn load(&self, engine: &wasmtime::Engine, bytes: &[u8]) -> Option<Component> {
        let entry = self.entry(engine, bytes)?;
        let component = Cache::load_entry(engine, &entry);
        let CacheUse { hits, misses, .. } = self.uses.as_ref();
        let counter = if component.is_some() { hits } else { misses };
        counter.fetch_add(1, Ordering::Relaxed);
        component
    }

    fn load_entry(engine: &wasmtime::Engine, entry: &Entry) -> Option<Component> {
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

    /// Keeps a compiled component. That it cannot be kept is no reason not to serve.
    pub(super) fn store(&self, engine: &wasmtime::Engine, bytes: &[u8], component: &Component) {
        self.uses.compilations.fetch_add(1, Ordering::Relaxed);
        let Some(entry) = self.entry(engine, bytes) else {
            return;
        };
        let path = entry.path();
        let stored = component
            .serialize()
            .map_err(io::Error::other)
            .and_then(|compiled| entry.write(&compiled));
        match stored {
            Ok(()) => debug!(path = %path.display(), "kept the compiled component"),
            Err(error) => {
                warn!(path = %path.display(), %error, "cannot keep the compiled component");
            }
        }
    }

    fn entry(&self, engine: &wasmtime::Engine, bytes: &[u8]) -> Option<Entry> {
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        let mut key = Sha256::new();
        key.update(env!("CARGO_PKG_VERSION"));
        key.update(settings.finish().to_le_bytes());
        key.update(bytes);
        Some(Entry { folder: self.folder.clone()?, key: key.finalize().into() })
    }
}

impl Entry {
    fn path(&self) -> PathBuf {
        self.folder.join(self.key.map(|byte| format!("{byte:02x}")).concat())
    }

    /// What an entry begins with. The key is in it, so that no entry can pass for another.
    fn seal(&self, compiled: &[u8]) -> Digest {
        Sha256::new().chain_update(self.key).chain_update(compiled).finalize().into()
    }

    /// Reads the compiled component if owner, mode and seal are right.
    fn read(&self) -> io::Result<Vec<u8>> {
        check_private(&fs::symlink_metadata(&self.folder)?)?;
        // Not even a FIFO in its place makes the opening wait.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open(self.path())?;
        check_private(&file.metadata()?)?;
        let mut seal = Digest::default();
        file.read_exact(&mut seal)?;
        let mut compiled = Vec::new();
        file.read_to_end(&mut compiled)?;
        if seal != self.seal(&compiled) {
            return Err(io::Error::other("it is damaged"));
        }
        Ok(compiled)
    }

    /// Writes the entry whole or not at all, for nobody but this user.
    fn write(&self, compiled: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        check_private(&fs::symlink_metadata(&self.folder)?)?;
        // Another process, or thread, may be about to keep the same.
        let unique = RandomState::new().hash_one(self.key);
        let unfinished = self.path().with_extension(format!("{unique:016x}.unfinished"));
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        let written = file
            .write_all(&self.seal(compiled))
            .and_then(|()| file.write_all(compiled))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&unfinished, self.path()));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }
}

fn check_private(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_symlink() {
        return Err(io::Error::other("it is a symbolic link"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write it"));
    }
    Ok(())
}

/// Loads a compiled component.
#[expect(unsafe_code, reason = "compiled components are trusted code by nature")]
fn deserialize(engine: &wasmtime::Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are what `serialize` gave a process of this user: the caller has
    // read them from a file that only this user can write, and their seal is right for
    // this component under the engine's version and settings. wasmtime checks the latter
    // two again.
    unsafe { Component::deserialize(engine, compiled) }
}
