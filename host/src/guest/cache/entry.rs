//! One compiled component in its file: a seal, and then its machine code.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use crate::guest::load::MAX_COMPILED;
use crate::text::hex;

/// How the name of a file ends that is to become an entry.
const UNFINISHED: &str = "unfinished";

/// How old the time of an entry's last use may become before it is brought up to date.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a component is kept, whether it is there or not.
pub(in crate::guest) struct Entry {
    folder: PathBuf,
    /// The digest of the component's bytes, this engine's version and settings, and the
    /// host's version.
    key: Digest,
}

type Digest = [u8; 32];

/// What a file of a cache is.
pub(super) enum Kind {
    Entry,
    /// What was to become an entry.
    Unfinished,
}

/// What a file of this name is, if it is of a cache's making.
pub(super) fn kind(name: &OsStr) -> Option<Kind> {
    let is_hex = |text: &str, digits: usize| {
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        text.len() == digits && text.bytes().all(hex)
    };
    let mut parts = name.to_str()?.split('.');
    let is_key = parts.next().is_some_and(|key| is_hex(key, 64));
    match (is_key, parts.next(), parts.next(), parts.next()) {
        (true, None, ..) => Some(Kind::Entry),
        (true, Some(unique), Some(UNFINISHED), None) if is_hex(unique, 16) => {
            Some(Kind::Unfinished)
        }
        _ => None,
    }
}

impl Entry {
    pub(super) fn new(folder: &Path, key: Digest) -> Entry {
        Entry { folder: folder.to_owned(), key }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(hex(self.key))
    }

    /// What an entry begins with. The key is in it, so that no entry can pass for another.
    fn seal(&self, compiled: &[u8]) -> Digest {
        Sha256::new().chain_update(self.key).chain_update(compiled).finalize().into()
    }

    /// Reads the compiled component if owner, mode and seal are right.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        check_private(&fs::symlink_metadata(&self.folder)?)?;
        // Not even a FIFO in its place makes the opening wait.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open(self.path())?;
        let metadata = file.metadata()?;
        check_private(&metadata)?;
        let mut seal = Digest::default();
        file.read_exact(&mut seal)?;
        let mut compiled = Vec::new();
        (&file).take(MAX_COMPILED).read_to_end(&mut compiled)?;
        if seal != self.seal(&compiled) {
            return Err(io::Error::other("it is damaged"));
        }
        mark_as_used(&file, &metadata);
        Ok(compiled)
    }

    /// Writes the entry whole or not at all, for nobody but this user. If the machine stops
    /// before the disk has all of it, the seal tells.
    pub(super) fn write(&self, compiled: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        check_private(&fs::symlink_metadata(&self.folder)?)?;
        // Another process, or thread, may be about to keep the same.
        let unique = RandomState::new().hash_one(self.key);
        let unfinished = self.path().with_extension(format!("{unique:016x}.{UNFINISHED}"));
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        let written = file
            .write_all(&self.seal(compiled))
            .and_then(|()| file.write_all(compiled))
            .and_then(|()| fs::rename(&unfinished, self.path()));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }
}

/// Brings the time of an entry's last use up to date. If that fails, the entry goes early.
fn mark_as_used(file: &File, metadata: &fs::Metadata) {
    let now = SystemTime::now();
    let used = metadata.modified().unwrap_or(now);
    if now.duration_since(used).is_ok_and(|age| age > DAY) {
        let _ = file.set_modified(now);
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
