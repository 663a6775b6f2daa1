//! Damage of every kind, ten thousand times: nothing is believed, all is compiled anew.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use picohttp_tests::chance::chosen;
use wasmtime::{Config, OptLevel};

use super::Cache;
use crate::guest::load;
use crate::guest::{Engine, EngineOptions};

/// How many entries are damaged.
const DAMAGED: u64 = 10_000;

/// A user that this one is not.
const NOBODY: u32 = 65_534;

/// A cache with the entries of two components in it.
struct Fixture {
    engine: Engine,
    cache: Cache,
    folder: tempfile::TempDir,
    component: Vec<u8>,
    /// Where the entry of `component` is.
    path: PathBuf,
    /// What is in it.
    whole: Vec<u8>,
    /// What is in the entry of the other.
    other: Vec<u8>,
}

impl Fixture {
    fn new() -> Fixture {
        let engine = Engine::new(&EngineOptions::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path());
        let [component, other] = ["(func)", "(func unreachable)"].map(|function| {
            wat::parse_str(format!("(component (core module {function}))")).unwrap()
        });
        let [path, other] = [&component, &other].map(|component| {
            load::compile(&engine, component, &cache).unwrap();
            cache.entry(engine.inner(), component).unwrap().path()
        });
        let [whole, other] = [&path, &other].map(|path| fs::read(path).unwrap());
        Fixture { engine, cache, folder, component, path, whole, other }
    }

    /// How often the entry was believed, and how often its component was compiled, when that
    /// is loaded.
    fn load(&self) -> (u64, u64) {
        let counts = || self.cache.uses().counts().map(|(_, count)| count);
        let [hits, _, compiled] = counts();
        load::compile(&self.engine, &self.component, &self.cache).unwrap();
        let [hits_now, _, compiled_now] = counts();
        (hits_now - hits, compiled_now - compiled)
    }

    /// Checks that the entry as it is now is not believed, and is replaced.
    #[track_caller]
    fn is_replaced(&self) {
        assert_eq!(self.load(), (0, 1));
        assert!(fs::symlink_metadata(&self.path).unwrap().is_file());
        assert_eq!(fs::read(&self.path).unwrap(), self.whole);
        assert_eq!(self.load(), (1, 0));
    }
}

/// An entry that a disk, a crash or another has changed: in turn by some bits, by an end that
/// is missing, by a part of another entry, by a block of zeros, and by bytes at its end.
fn damage(whole: &[u8], other: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let start = chosen((number, "start"), whole.len());
    let block = start..(start + 1 + chosen((number, "length"), 4096)).min(whole.len());
    match number % 8 {
        0..4 => (0..=number % 4).for_each(|flip| {
            bytes[chosen((number, flip), whole.len())] ^= 1 << chosen((number, flip, "bit"), 8);
        }),
        4 => bytes.truncate(start),
        5 if block.end <= other.len() => bytes[block.clone()].copy_from_slice(&other[block]),
        5 | 6 => bytes[block].fill(0),
        _ => bytes.extend(&other[..=chosen((number, "more"), other.len())]),
    }
    bytes
}

#[test]
fn no_damage_is_believed() {
    let fixture = Fixture::new();
    let mut damaged = 0;
    for bytes in (0..).map(|number| damage(&fixture.whole, &fixture.other, number)) {
        // What was written over may have been the same.
        if bytes == fixture.whole {
            continue;
        }
        fs::write(&fixture.path, bytes).unwrap();
        assert_eq!(fixture.load(), (0, 1));
        damaged += 1;
        if damaged == DAMAGED {
            break;
        }
    }
    assert_eq!(fixture.load(), (1, 0));
    assert_eq!(fs::read(&fixture.path).unwrap(), fixture.whole);
    assert_eq!(fs::read_dir(fixture.folder.path()).unwrap().count(), 2);
}

/// The seal is right, as that of a host would be that was built otherwise.
#[test]
fn what_another_engine_compiled_is_not_believed() {
    let fixture = Fixture::new();
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None);
    let foreign = wasmtime::Engine::new(&config).unwrap();
    let compiled = foreign.precompile_component(&fixture.component).unwrap();
    let entry = fixture.cache.entry(fixture.engine.inner(), &fixture.component).unwrap();
    for sealed in [&compiled, &b"".to_vec(), &fixture.component, &compiled[..99].to_vec()] {
        entry.write(sealed).unwrap();
        fixture.is_replaced();
    }
    let key = |engine| fixture.cache.entry(engine, &fixture.component).unwrap().path();
    assert_ne!(key(&foreign), key(fixture.engine.inner()));
}

#[test]
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
fn what_others_have_made_is_not_believed() {
    let fixture = Fixture::new();
    let path = &fixture.path;
    for mode in [0o620, 0o602, 0o666, 0o777] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        fixture.is_replaced();
    }
    let elsewhere = fixture.folder.path().join("elsewhere");
    let links: [fn(&Path, &Path); 2] =
        [|to, path| symlink(to, path).unwrap(), |_, path| symlink("/dev/zero", path).unwrap()];
    for link in links {
        fs::copy(path, &elsewhere).unwrap();
        fs::remove_file(path).unwrap();
        link(&elsewhere, path);
        fixture.is_replaced();
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can give a file away");
        return;
    }
    chown(path, Some(NOBODY), None).unwrap();
    fixture.is_replaced();
    chown(fixture.folder.path(), Some(NOBODY), None).unwrap();
    assert_eq!(fixture.load(), (0, 1));
}
