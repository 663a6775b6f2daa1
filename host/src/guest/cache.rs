//! Compiled components on disk, so that the next start need not compile.
//!
//! A compiled component is machine code: whoever can write an entry can run code in
//! this process. So an entry is believed only if the folder and the file belong to
//! this user and nobody else may write them, and if its own digest and the digest of
//! what it was made from are right. It is checked and loaded from one and the same
//! reading. Anything else is compiled anew, and replaced.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;

use sha2::{Digest, Sha256};
use tracing::{debug, warn};
use wasmtime::component::Component;

/// Where compiled components are kept.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: Option<PathBuf>,
}

/// An entry: the digest of what follows, then the compiled component.
const DIGEST: usize = 32;

impl Cache {
    /// Keeps nothing: every start compiles.
    pub fn none() -> Cache {
        Cache { folder: None }
    }

    /// Keeps compiled components in `folder`, which is made when it is first needed.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Cache {
        Cache { folder: Some(folder.into()) }
    }

    /// Keeps compiled components where this user's caches are:
    /// `$XDG_CACHE_HOME/picohttp-host`, or `.cache/picohttp-host` at home. Nothing is
    /// kept if there is no home.
    pub fn of_user() -> Cache {
        let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || std::env::home_dir().map(|home| home.join(".cache"));
        let caches = xdg.filter(|path| path.is_absolute()).or_else(home);
        Cache { folder: caches.map(|caches| caches.join("picohttp-host")) }
    }

    /// The compiled form of a component, if there is one that can be believed.
    pub(super) fn load(&self, engine: &wasmtime::Engine, bytes: &[u8]) -> Option<Component> {
        let path = self.entry(engine, bytes)?;
        let compiled = match read(&path) {
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
        let Some(path) = self.entry(engine, bytes) else {
            return;
        };
        let stored = component
            .serialize()
            .map_err(io::Error::other)
            .and_then(|compiled| write(&path, &compiled));
        match stored {
            Ok(()) => debug!(path = %path.display(), "kept the compiled component"),
            Err(error) => {
                warn!(path = %path.display(), %error, "cannot keep the compiled component");
            }
        }
    }

    /// The file for a component: named after its bytes, this engine's version and
    /// settings, and the entry's format.
    fn entry(&self, engine: &wasmtime::Engine, bytes: &[u8]) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?;
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        let mut digest = Sha256::new();
        digest.update(env!("CARGO_PKG_VERSION"));
        digest.update(settings.finish().to_le_bytes());
        digest.update(bytes);
        let name = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Some(folder.join(name))
    }
}

/// Reads an entry whose owner, mode and digest are right.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if let Some(folder) = path.parent() {
        check_private(&fs::symlink_metadata(folder)?)?;
    }
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let mut file = OpenOptions::new().read(true).custom_flags(no_follow).open(path)?;
    check_private(&file.metadata()?)?;
    let mut entry = Vec::new();
    file.read_to_end(&mut entry)?;
    if entry.len() < DIGEST {
        return Err(io::Error::other("it is cut short"));
    }
    let compiled = entry.split_off(DIGEST);
    if entry != Sha256::digest(&compiled).as_slice() {
        return Err(io::Error::other("it is damaged"));
    }
    Ok(compiled)
}

/// Writes an entry whole or not at all, for nobody but this user.
fn write(path: &Path, compiled: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    check_private(&fs::symlink_metadata(folder)?)?;
    let unfinished = path.with_extension(format!("{}.unfinished", process::id()));
    let written = create(&unfinished).and_then(|mut file| {
        file.write_all(&Sha256::digest(compiled))?;
        file.write_all(compiled)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn check_private(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write it"));
    }
    if metadata.is_symlink() {
        return Err(io::Error::other("it is a symbolic link"));
    }
    Ok(())
}

/// Loads a compiled component.
#[expect(unsafe_code, reason = "compiled components are trusted code by nature")]
fn deserialize(engine: &wasmtime::Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are what `serialize` gave this user's process: the caller has
    // read them from a file that only this user can write and checked their digest, and
    // the file's name holds the engine's version and settings, which wasmtime checks
    // again.
    unsafe { Component::deserialize(engine, compiled) }
}
