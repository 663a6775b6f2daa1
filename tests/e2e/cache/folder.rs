//! Where compiled components are kept: behind whose links, and out of handlers' reach.

use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::path::PathBuf;

use anyhow::{Result, ensure};
use picohttp_host::{Cache, Component, Directory, Sandbox};
use picohttp_tests::sandbox::{bytes, engine};

use super::{Fixture, identity, load};

/// Whether a component is kept in a folder behind a link that belongs to `owner`.
fn is_kept_behind_link_of(owner: u32) -> Result<bool> {
    let fixture = Fixture::new()?;
    let entry = fixture.entry("answer")?;
    let before = identity(&entry)?;
    fs::write(&entry, "foreign")?;
    let top = tempfile::tempdir()?;
    let link = top.path().join("link");
    symlink(fixture.folder.path(), &link)?;
    lchown(&link, Some(owner), None)?;
    load(engine()?, "answer", &Cache::in_folder(link))?;
    Ok(identity(&entry)?.0 != before.0)
}

#[test]
fn a_folder_may_be_behind_a_link_of_its_owners() -> Result<()> {
    ensure!(is_kept_behind_link_of(rustix::process::geteuid().as_raw())?);
    Ok(())
}

#[test]
fn a_folder_behind_a_strangers_link_is_left_alone() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT CHECKED: only root can give a link away");
        return Ok(());
    }
    ensure!(!is_kept_behind_link_of(65534)?, "kept in a folder behind a link");
    Ok(())
}

#[test]
fn without_a_place_to_keep_it_a_component_is_served() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    load(engine()?, "answer", &Cache::in_folder(file.path()))?;
    load(engine()?, "answer", &Cache::in_folder(file.path().join("folder")))?;
    load(engine()?, "answer", &Cache::in_folder("/proc/folder"))?;
    load(engine()?, "answer", &Cache::none())?;
    assert_eq!(fs::metadata(file.path())?.len(), 0);
    Ok(())
}

#[test]
fn no_handler_may_write_where_compiled_handlers_are_kept() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cache_folder = folder.path().join("home/cache");
    let cache = Cache::in_folder(&cache_folder);
    let load = |host: PathBuf, writable| {
        let directories = vec![Directory { host, guest: "/".to_owned(), writable }];
        let sandbox = Sandbox { directories, ..Sandbox::default() };
        let loaded =
            Component::from_bytes(engine()?, "counter", &bytes("counter")?, sandbox, &cache);
        loaded.map(|_| ()).map_err(anyhow::Error::from)
    };
    let other = folder.path().join("other");
    fs::create_dir(&other)?;
    // At first the cache is not there yet.
    for _ in 0..2 {
        for reach in [folder.path().to_owned(), folder.path().join("home")] {
            fs::create_dir_all(&reach)?;
            let error = load(reach.clone(), true).expect_err("refused").to_string();
            assert!(error.contains("compiled handlers"), "{error}");
            load(reach, false)?;
        }
        load(other.clone(), true)?;
    }
    assert!(load(cache_folder, true).is_err());
    Ok(())
}

#[test]
fn no_handler_may_write_where_a_link_leads_to_compiled_handlers() -> Result<()> {
    let top = tempfile::tempdir()?;
    let path = |name: &str| top.path().join(name);
    fs::create_dir_all(path("private/cache"))?;
    fs::create_dir(path("granted"))?;
    symlink("../private/cache", path("granted/last"))?;
    symlink("../private", path("granted/way"))?;
    let directory = Directory { host: path("granted"), guest: "/".to_owned(), writable: true };
    let sandbox = Sandbox { directories: vec![directory], ..Sandbox::default() };
    for link in ["granted/last", "granted/way/cache"] {
        let cache = Cache::in_folder(path(link));
        let (engine, sandbox) = (engine()?, sandbox.clone());
        let loaded = Component::from_bytes(engine, "counter", &bytes("counter")?, sandbox, &cache);
        let error = loaded.map(|_| ()).expect_err(link).to_string();
        assert!(error.contains("compiled handlers"), "{error}");
    }
    Ok(())
}
