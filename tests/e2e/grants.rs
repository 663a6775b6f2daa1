//! A guest has what it was granted and nothing else.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Result, bail, ensure};
use picohttp_host::{Component, Directory, Fault, HttpServer, Sandbox};
use picohttp_tests::host::Host;
use picohttp_tests::old_kernel::without_openat2;
use picohttp_tests::sandbox::{get, load};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde_json::{Value, json};
use tempfile::TempDir;

#[test]
fn without_grants_there_is_nothing() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let host = Host::serve(HttpServer::new(load("reach_out", Sandbox::default())?))?;
    let got: Value = serde_json::from_slice(&host.get(&format!("/{port}"))?.body)?;
    let nothing = json!({
        "args": [], "variables": [], "input": [], "root": null, "folder": null, "file": null,
        "create": null, "link": null, "connect": null, "listen": null, "datagram": null,
        "resolve": null,
    });
    assert_eq!(got, nothing);
    ensure!(listener.accept().is_err(), "a guest has connected");
    Ok(())
}

#[test]
fn a_granted_variable_is_seen_and_no_other() -> Result<()> {
    let environment = vec![("MODE".to_owned(), "a=b é".to_owned())];
    let guest = load("files", Sandbox { environment, ..Sandbox::default() })?;
    let seen = get(&guest, "/variable?path=MODE")?;
    assert_eq!(seen.data.as_deref(), Some("a=b é".as_bytes()));
    for other in ["PATH", "HOME", "CARGO_MANIFEST_DIR"] {
        ensure!(matches!(get(&guest, &format!("/variable?path={other}")), Err(Fault::Error(_))));
    }
    Ok(())
}

/// A folder `granted`, and a folder and a file beside it that are not, with every way
/// there.
fn folders() -> Result<TempDir> {
    let top = tempfile::tempdir()?;
    let [granted, other] = ["granted", "other"].map(|name| top.path().join(name));
    fs::create_dir_all(granted.join("sub"))?;
    fs::create_dir(&other)?;
    fs::write(granted.join("file"), "granted")?;
    fs::write(other.join("secret"), "secret")?;
    symlink("file", granted.join("within"))?;
    symlink("sub/../file", granted.join("around"))?;
    symlink("../other/secret", granted.join("relative"))?;
    symlink(other.join("secret"), granted.join("absolute"))?;
    symlink(&other, granted.join("folder"))?;
    symlink("loop", granted.join("loop"))?;
    Ok(top)
}

fn guest(top: &Path, writable: bool) -> Result<Component> {
    named("files", top, writable)
}

/// A guest of this name that was granted the same.
fn named(name: &str, top: &Path, writable: bool) -> Result<Component> {
    let directory = Directory { host: top.join("granted"), guest: "/data".to_owned(), writable };
    load(name, Sandbox { directories: vec![directory], ..Sandbox::default() })
}

/// What a guest read, or nothing if it was refused.
fn told(guest: &Component, target: &str) -> Result<Option<String>> {
    match get(guest, target) {
        Ok(response) => Ok(Some(String::from_utf8(response.data.unwrap_or_default())?)),
        Err(Fault::Error(_)) => Ok(None),
        Err(fault) => bail!("{target}: {fault:?}"),
    }
}

#[test]
fn a_path_with_a_link_in_it_leads_to_no_folder() -> Result<()> {
    let top = folders()?;
    let guest = |host: &Path| {
        let directory =
            Directory { host: host.to_owned(), guest: "/data".to_owned(), writable: false };
        load("files", Sandbox { directories: vec![directory], ..Sandbox::default() })
    };
    let link = top.path().join("granted/folder");
    for host in [&link, &link.join("../granted")] {
        assert_eq!(told(&guest(host)?, "/list?path=/data")?, None, "{}", host.display());
    }
    let directory = Directory { host: link, guest: String::new(), writable: false };
    assert_eq!(
        told(&guest(&directory.resolved().host)?, "/list?path=/data")?.as_deref(),
        Some("secret")
    );
    Ok(())
}

const WAYS_OUT: [&str; 9] = [
    "/data/../other/secret",
    "/data/sub/../../other/secret",
    "/data/relative",
    "/data/absolute",
    "/data/folder/secret",
    "/data/loop",
    "../other/secret",
    "/etc/passwd",
    "/proc/self/environ",
];

#[test]
fn a_folder_can_be_read_and_not_left() -> Result<()> {
    let top = folders()?;
    for writable in [false, true] {
        let guest = guest(top.path(), writable)?;
        for path in ["/data/file", "/data/within", "/data/around", "/data/./sub/../file"] {
            assert_eq!(told(&guest, &format!("/read?path={path}"))?.as_deref(), Some("granted"));
        }
        for path in WAYS_OUT {
            assert_eq!(told(&guest, &format!("/read?path={path}"))?, None, "{path}");
        }
        let list = told(&guest, "/list?path=/data")?;
        assert_eq!(list.as_deref(), Some("absolute around file folder loop relative sub within"));
        for folder in ["/", "/data/..", "/data/folder", "/data/../other"] {
            assert_eq!(told(&guest, &format!("/list?path={folder}"))?, None, "{folder}");
        }
    }
    Ok(())
}

#[test]
fn a_folder_is_read_only_unless_it_was_granted_for_writing() -> Result<()> {
    let top = folders()?;
    let changes = [
        "/write?path=/data/new",
        "/write?path=/data/file",
        "/make?path=/data/made",
        "/link?path=/data/file&to=/data/linked",
        "/rename?path=/data/file&to=/data/renamed",
        "/remove?path=/data/within",
    ];
    let reader = guest(top.path(), false)?;
    for change in changes {
        assert_eq!(told(&reader, change)?, None, "{change}");
    }
    let names = "/list?path=/data";
    let before = "absolute around file folder loop relative sub within";
    assert_eq!(told(&reader, names)?.as_deref(), Some(before));
    assert_eq!(fs::read_to_string(top.path().join("granted/file"))?, "granted");

    let writer = guest(top.path(), true)?;
    for change in changes {
        assert!(told(&writer, change)?.is_some(), "{change}");
    }
    let after = "absolute around folder linked loop made new relative renamed sub";
    assert_eq!(told(&writer, names)?.as_deref(), Some(after));
    Ok(())
}

#[test]
fn a_folder_for_writing_cannot_be_left_either() -> Result<()> {
    let top = folders()?;
    let guest = guest(top.path(), true)?;
    for path in WAYS_OUT {
        for change in ["write", "make", "remove"] {
            let target = format!("/{change}?path={path}");
            let removes_link = change == "remove"
                && ["/data/relative", "/data/absolute", "/data/loop"].contains(&path);
            assert_eq!(told(&guest, &target)?.is_some(), removes_link, "{target}");
        }
    }
    for target in [
        "/rename?path=/data/file&to=/data/../other/file",
        "/rename?path=/data/../other/secret&to=/data/stolen",
        "/link?path=/data/../other/secret&to=/data/stolen",
        "/link?path=/data/file&to=/data/folder/file",
    ] {
        assert_eq!(told(&guest, target)?, None, "{target}");
    }
    assert_eq!(fs::read_to_string(top.path().join("other/secret"))?, "secret");
    assert_eq!(fs::read_dir(top.path().join("other"))?.count(), 1);
    Ok(())
}

/// To open a FIFO is to wait for its other end, and no deadline could end that.
#[test]
fn what_can_block_is_not_opened() -> Result<()> {
    let top = folders()?;
    let fifo = top.path().join("granted/fifo");
    ensure!(Command::new("mkfifo").arg(&fifo).status()?.success());
    symlink("fifo", top.path().join("granted/to_fifo"))?;
    for writable in [false, true] {
        let guest = guest(top.path(), writable)?;
        for path in ["/data/fifo", "/data/to_fifo", "/data/sub/../fifo"] {
            assert_eq!(told(&guest, &format!("/read?path={path}"))?, None, "{path}");
            assert_eq!(told(&guest, &format!("/write?path={path}"))?, None, "{path}");
        }
        let guest = named("streams", top.path(), writable)?;
        for path in ["fifo", "to_fifo", "sub/../fifo"] {
            assert_eq!(told(&guest, &format!("/touch?path={path}"))?, None, "{path}");
        }
    }
    Ok(())
}

#[test]
fn streams_read_and_write_at_once() -> Result<()> {
    let top = folders()?;
    let [reader, writer] = [false, true].map(|writable| named("streams", top.path(), writable));
    let (reader, writer) = (reader?, writer?);
    let read = told(&reader, "/read?path=file")?;
    assert_eq!(read.as_deref(), Some("|ra|nted|StreamError::Closed"));
    assert_eq!(told(&reader, "/write?path=file")?, None);
    assert_eq!(told(&writer, "/write?path=file")?.as_deref(), Some("65536"));
    let file = top.path().join("granted/file");
    assert_eq!(fs::read_to_string(&file)?, "g123tedend");
    ensure!(matches!(get(&writer, "/flood?path=file"), Err(Fault::Trap(_))));
    assert_eq!(fs::read_to_string(file)?, "g123tedend");
    Ok(())
}

#[test]
fn a_folder_says_what_is_in_it() -> Result<()> {
    let top = folders()?;
    let many = top.path().join("granted/many");
    fs::create_dir(&many)?;
    ensure!(Command::new("mkfifo").arg(many.join("fifo")).status()?.success());
    symlink("nowhere", many.join("link"))?;
    fs::create_dir(many.join("folder"))?;
    for number in 1000..2000 {
        fs::write(many.join(number.to_string()), "")?;
    }
    let guest = named("streams", top.path(), false)?;
    let told = told(&guest, "/types?path=many")?.unwrap_or_default();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 1003);
    ensure!(lines.iter().take(1000).all(|line| line.ends_with("RegularFile")), "{told}");
    let others = ["fifo: Fifo", "folder: Directory", "link: SymbolicLink"];
    ensure!(
        lines.iter().skip(1000).zip(others).all(|(line, end)| {
            let (name, kind) = end.split_once(": ").unwrap_or_default();
            line.starts_with(name) && line.ends_with(kind)
        }),
        "{told}"
    );
    Ok(())
}

#[test]
fn times_are_set_of_what_is_in_the_folder() -> Result<()> {
    let top = folders()?;
    let set = |path: &Path| {
        Ok::<_, std::io::Error>((
            path.symlink_metadata()?.mtime(),
            path.symlink_metadata()?.mtime_nsec(),
        ))
    };
    let granted = top.path().join("granted");
    let guest = named("streams", top.path(), true)?;
    assert_eq!(told(&guest, "/touch?path=within&link=1")?.as_deref(), Some(""));
    assert_eq!(set(&granted.join("within"))?, (1_000_000_000, 7));
    assert_ne!(set(&granted.join("file"))?, (1_000_000_000, 7));
    assert_eq!(told(&guest, "/touch?path=within")?.as_deref(), Some(""));
    assert_eq!(set(&granted.join("file"))?, (1_000_000_000, 7));
    for path in ["relative", "absolute", "../other/secret", "missing"] {
        assert_eq!(told(&guest, &format!("/touch?path={path}"))?, None, "{path}");
    }
    assert_ne!(set(&top.path().join("other/secret"))?, (1_000_000_000, 7));
    let reader = named("streams", top.path(), false)?;
    assert_eq!(told(&reader, "/touch?path=sub")?, None);
    Ok(())
}

#[test]
fn what_can_block_is_not_opened_when_it_takes_the_place_of_a_file() -> Result<()> {
    let top = folders()?;
    let [file, fifo] = ["file", "fifo"].map(|name| top.path().join("granted").join(name));
    ensure!(Command::new("mkfifo").arg(&fifo).status()?.success());
    let guest = guest(top.path(), true)?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let exchanged = renameat_with(CWD, &file, CWD, &fifo, RenameFlags::EXCHANGE);
                exchanged.expect("both are there");
            }
        });
        let texts: Result<Vec<_>> =
            (0..500).map(|_| told(&guest, "/read?path=/data/file")).collect();
        done.store(true, Ordering::Relaxed);
        let texts = texts?;
        ensure!(texts.contains(&None) && texts.iter().flatten().count() > 0);
        ensure!(texts.iter().flatten().all(|text| text == "granted"));
        Ok(())
    })
}

#[test]
fn files_that_a_guest_forgot_are_closed() -> Result<()> {
    let top = folders()?;
    let file = top.path().join("granted/file").canonicalize()?;
    let guest = guest(top.path(), false)?;
    let forgotten = get(&guest, "/open?path=/data/file");
    ensure!(matches!(forgotten, Err(Fault::Trap(_))), "{forgotten:?}");
    let open = fs::read_dir("/proc/self/fd")?
        .flatten()
        .filter(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == file));
    assert_eq!(open.count(), 0);
    Ok(())
}

#[test]
fn a_path_is_no_longer_than_it_may_be() -> Result<()> {
    let top = folders()?;
    let guest = guest(top.path(), false)?;
    assert_eq!(told(&guest, "/look?path=/data/sub/&to=100")?.as_deref(), Some(""));
    assert_eq!(told(&guest, "/look?path=/data/sub/&to=1000")?, None);
    let long = get(&guest, "/look?path=/data/sub/&to=1000000");
    let Err(Fault::Error(message)) = long else { bail!("{long:?}") };
    ensure!(message.contains("os error 37"), "{message}");
    Ok(())
}

#[test]
fn a_granted_folder_that_is_gone_is_nothing() -> Result<()> {
    let top = folders()?;
    let guest = guest(top.path(), false)?;
    fs::remove_dir_all(top.path().join("granted"))?;
    assert_eq!(told(&guest, "/read?path=/data/file")?, None);
    Ok(())
}

#[test]
fn folders_hold_without_openat2_too() -> Result<()> {
    without_openat2(Errno::PERM, || {
        a_folder_can_be_read_and_not_left()?;
        a_path_is_no_longer_than_it_may_be()?;
        a_folder_is_read_only_unless_it_was_granted_for_writing()?;
        a_folder_for_writing_cannot_be_left_either()?;
        what_can_block_is_not_opened()?;
        streams_read_and_write_at_once()?;
        a_folder_says_what_is_in_it()?;
        times_are_set_of_what_is_in_the_folder()?;
        files_that_a_guest_forgot_are_closed()
    })
}
