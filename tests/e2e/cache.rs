//! Compiled components are believed only if they are what this user kept.
//!
//! A component that was compiled is kept in a new file; one that was loaded leaves the
//! file that it was loaded from. So the file's identity tells which it was.

mod folder;

use std::fs::{self, File, Permissions};
use std::io::{Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{slice, thread};

use anyhow::{Context, Result, ensure};
use picohttp_host::{Allocation, Cache, Component, Engine, EngineOptions, Sandbox};
use picohttp_tests::sandbox::{bytes, engine, get, new_engine};
use tempfile::TempDir;

/// A cache in a folder of its own.
struct Fixture {
    folder: TempDir,
    cache: Cache,
}

impl Fixture {
    fn new() -> Result<Fixture> {
        let folder = tempfile::tempdir()?;
        let cache = Cache::in_folder(folder.path());
        Ok(Fixture { folder, cache })
    }

    /// Loads a guest, which must then answer as it does.
    fn load(&self, guest: &str) -> Result<()> {
        load(engine()?, guest, &self.cache)
    }

    fn entries(&self) -> Result<Vec<PathBuf>> {
        fs::read_dir(self.folder.path())?.map(|entry| Ok(entry?.path())).collect()
    }

    /// The entry of a guest that is loaded for the first time.
    fn entry(&self, guest: &str) -> Result<PathBuf> {
        let before = self.entries()?;
        self.load(guest)?;
        let after = self.entries()?;
        after.into_iter().find(|path| !before.contains(path)).context("no entry")
    }

    /// Loads a guest and tells whether it was compiled for that.
    fn compiles(&self, guest: &str, entry: &Path) -> Result<bool> {
        let before = identity(entry)?;
        self.load(guest)?;
        Ok(identity(entry)? != before)
    }
}

fn load(engine: &Engine, guest: &str, cache: &Cache) -> Result<()> {
    let component =
        Component::from_bytes(engine, guest, &bytes(guest)?, Sandbox::default(), cache)?;
    match get(&component, "/") {
        Ok(response) => ensure!(response.status == 200 && guest == "answer", "{response:?}"),
        Err(fault) => ensure!(guest == "unreachable", "{fault:?}"),
    }
    Ok(())
}

/// What changes when a file is replaced. Its number alone may be used again.
fn identity(entry: &Path) -> Result<(u64, i64, i64)> {
    let metadata = fs::symlink_metadata(entry)?;
    Ok((metadata.ino(), metadata.ctime(), metadata.ctime_nsec()))
}

#[test]
fn a_component_is_compiled_once() -> Result<()> {
    let fixture = Fixture::new()?;
    let entry = fixture.entry("answer")?;
    assert!(!fixture.compiles("answer", &entry)?);
    let metadata = fs::metadata(&entry)?;
    assert_eq!(metadata.mode() & 0o777, 0o600);
    // Another component has another entry, and both stay.
    let other = fixture.entry("unreachable")?;
    assert!(!fixture.compiles("answer", &entry)?);
    assert!(!fixture.compiles("unreachable", &other)?);
    assert_eq!(fixture.entries()?.len(), 2);
    Ok(())
}

#[test]
fn the_folder_is_made_for_this_user_only() -> Result<()> {
    let top = tempfile::tempdir()?;
    let folder = top.path().join("a/b");
    load(engine()?, "answer", &Cache::in_folder(&folder))?;
    assert_eq!(fs::metadata(&folder)?.mode() & 0o777, 0o700);
    Ok(())
}

#[test]
fn a_damaged_entry_is_replaced() -> Result<()> {
    let fixture = Fixture::new()?;
    let entry = fixture.entry("answer")?;
    let whole = fs::read(&entry)?;
    let step = whole.len() / 60;
    let flipped = (0..whole.len()).step_by(step).chain(whole.len() - 1..whole.len());
    let flipped = flipped.map(|position| {
        let mut bytes = whole.clone();
        bytes[position] ^= 1 << (position % 8);
        bytes
    });
    let lengths = [0, 1, 31, 32, 33, whole.len() / 2, whole.len() - 1];
    let cut = lengths.map(|length| whole[..length].to_vec());
    let longer = [whole.as_slice(), b"\0"].concat();
    for damaged in flipped.chain(cut).chain([longer, b"#!/bin/sh\n".repeat(99)]) {
        fs::write(&entry, &damaged)?;
        ensure!(fixture.compiles("answer", &entry)?, "{} bytes were believed", damaged.len());
        ensure!(!fixture.compiles("answer", &entry)?, "it was not replaced");
    }
    Ok(())
}

#[test]
fn no_entry_passes_for_another() -> Result<()> {
    let fixture = Fixture::new()?;
    let answer = fixture.entry("answer")?;
    let unreachable = fixture.entry("unreachable")?;
    fs::copy(&unreachable, &answer)?;
    ensure!(fixture.compiles("answer", &answer)?);
    fs::remove_file(&answer)?;
    fs::hard_link(&unreachable, &answer)?;
    ensure!(fixture.compiles("answer", &answer)?);
    ensure!(!fixture.compiles("unreachable", &unreachable)?);
    Ok(())
}

#[test]
fn what_others_may_write_is_not_believed() -> Result<()> {
    let fixture = Fixture::new()?;
    let entry = fixture.entry("answer")?;
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&entry, Permissions::from_mode(mode))?;
        ensure!(fixture.compiles("answer", &entry)?, "an entry of mode {mode:o} was believed");
        ensure!(!fixture.compiles("answer", &entry)?);
    }
    // Neither is a folder, and nothing is kept in it.
    for mode in [0o770, 0o707, 0o1777] {
        fs::set_permissions(fixture.folder.path(), Permissions::from_mode(mode))?;
        fs::write(&entry, "foreign")?;
        ensure!(!fixture.compiles("answer", &entry)?, "kept in a folder of mode {mode:o}");
    }
    Ok(())
}

#[test]
fn links_are_not_followed() -> Result<()> {
    let fixture = Fixture::new()?;
    let entry = fixture.entry("answer")?;
    let moved = fixture.folder.path().join("moved");
    fs::rename(&entry, &moved)?;
    symlink(&moved, &entry)?;
    fixture.load("answer")?;
    ensure!(fs::symlink_metadata(&entry)?.is_file(), "the link is still there");
    ensure!(!fixture.compiles("answer", &entry)?);
    Ok(())
}

/// A file system of 1 MiB in memory. It goes away when this is dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// There is none if this process may not mount it.
    fn mount() -> Result<Option<SmallDisk>> {
        let disk = SmallDisk(tempfile::tempdir()?);
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"])
            .arg(disk.0.path())
            .output()?;
        Ok(mounted.status.success().then_some(disk))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).output();
    }
}

#[test]
fn on_a_full_disk_a_component_is_served_and_nothing_unfinished_is_left() -> Result<()> {
    let Some(disk) = SmallDisk::mount()? else {
        eprintln!("SKIPPED: only root can mount a small disk");
        return Ok(());
    };
    let folder = disk.0.path().join("cache");
    let cache = Cache::in_folder(&folder);
    load(engine()?, "answer", &cache)?;
    let entry = fs::read_dir(&folder)?.next().context("no entry")??.path();
    let size = fs::metadata(&entry)?.len();
    let filler = File::create(disk.0.path().join("filler"))?;
    for left in [0, 1, size / 2] {
        fs::write(&entry, "damaged")?;
        fill(&filler, left)?;
        load(engine()?, "answer", &cache)?;
        load(engine()?, "unreachable", &cache)?;
        let names = fs::read_dir(&folder)?.map(|file| Ok(file?.path()));
        assert_eq!(names.collect::<Result<Vec<_>>>()?, slice::from_ref(&entry));
        assert_eq!(fs::read(&entry)?, b"damaged");
    }
    filler.set_len(0)?;
    load(engine()?, "answer", &cache)?;
    assert_eq!(fs::metadata(&entry)?.len(), size);
    Ok(())
}

/// Fills the disk of a file, but for so many bytes in whole pages.
fn fill(mut filler: &File, left: u64) -> Result<()> {
    filler.set_len(0)?;
    filler.rewind()?;
    while filler.write(&[1; 4096]).is_ok_and(|written| written > 0) {}
    let length = filler.metadata()?.len();
    Ok(filler.set_len(length.saturating_sub(left))?)
}

#[test]
fn an_entry_in_the_way_does_no_harm() -> Result<()> {
    let fixture = Fixture::new()?;
    let entry = fixture.entry("answer")?;
    fs::remove_file(&entry)?;
    fs::create_dir(&entry)?;
    fixture.load("answer")?;
    assert_eq!(fixture.entries()?, [entry], "something unfinished was left");
    Ok(())
}

/// Room and allocation change nothing in the code, and what an engine has no room for it
/// does not load, compiled before or not.
#[test]
fn engines_that_compile_alike_share_entries() -> Result<()> {
    let fixture = Fixture::new()?;
    let fill = bytes("fill")?;
    let load = |max_memory, allocation| {
        let options = EngineOptions {
            instances: 1,
            max_memory,
            allocation: Some(allocation),
            ..EngineOptions::default()
        };
        let engine = new_engine(options)?;
        let sandbox = Sandbox { max_memory, ..Sandbox::default() };
        let loaded = Component::from_bytes(&engine, "fill", &fill, sandbox, &fixture.cache);
        anyhow::Ok(loaded.is_ok())
    };
    ensure!(load(64 << 20, Allocation::Pooling)?);
    let entries = fixture.entries()?;
    let before = identity(&entries[0])?;
    ensure!(load(64 << 20, Allocation::OnDemand)?);
    ensure!(!load(16 << 20, Allocation::Pooling)?, "32 MiB of memory where 16 are allowed");
    ensure!(!load(16 << 20, Allocation::OnDemand)?, "32 MiB of memory where 16 are allowed");
    assert_eq!(fixture.entries()?, entries);
    assert_eq!(identity(&entries[0])?, before);
    Ok(())
}

#[test]
fn many_may_keep_the_same_at_once() -> Result<()> {
    let fixture = Fixture::new()?;
    thread::scope(|scope| {
        let load = || (0..10).try_for_each(|_| fixture.load("answer"));
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(load)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a panic"))
    })?;
    let entries = fixture.entries()?;
    assert_eq!(entries.len(), 1);
    ensure!(!fixture.compiles("answer", &entries[0])?);
    Ok(())
}
