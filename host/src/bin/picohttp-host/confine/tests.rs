//! Each test confines a process of its own and then tries what must be refused.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Result, ensure};
use picohttp_host::config::{RoutePlan, TenantPlan};
use picohttp_host::{Cache, Directory, Source};
use picohttp_tests::alone::alone;

use super::*;

/// A plan that grants a folder.
fn plan(folder: &Path, confine: Confine) -> Plan {
    let mut plan = Plan::default();
    plan.server.confine = confine;
    let (host, guest) = (folder.to_owned(), "/".to_owned());
    let mut route = RoutePlan::new("/...", Source::Static);
    route.sandbox.directories.push(Directory { host, guest, writable: false });
    plan.tenants.push(TenantPlan::new("files", &plan.server, vec![route]));
    plan
}

fn confine(confine: Confine) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let confinement =
        Confinement::begin(&plan(folder.path(), confine), None, Cache::none().folder())?;
    ensure!(confinement.failed.is_empty(), "{:?}", confinement.failed);
    Ok(folder)
}

/// Whether something failed as it must.
fn is_refused<T>(result: std::io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn every_refused_call_is_refused_to_every_thread() -> Result<()> {
    alone("confine::tests::every_refused_call_is_refused_to_every_thread", || {
        let before = thread::spawn(|| {
            thread::park();
            refusals()
        });
        confine(Confine::On)?;
        before.thread().unpark();
        for refusals in [before, thread::spawn(refusals)] {
            for (call, refused) in refusals.join().expect("no panic") {
                assert!(refused, "call {call} is not refused");
            }
        }
        Ok(())
    })
}

/// Makes each call that must be refused, and says which are.
fn refusals() -> Vec<(libc::c_long, bool)> {
    let refused = |&call: &libc::c_long| {
        // SAFETY: none of these calls looks at memory through an argument that is 0.
        let result = unsafe { libc::syscall(call, 0, 0, 0, 0, 0, 0) };
        let error = std::io::Error::last_os_error();
        (call, result == -1 && error.raw_os_error() == Some(libc::EPERM))
    };
    calls::REFUSED.iter().map(refused).collect()
}

#[test]
fn what_is_executed_is_confined_as_well() -> Result<()> {
    alone("confine::tests::what_is_executed_is_confined_as_well", || {
        let unshare = || Command::new("unshare").args(["--user", "true"]).output();
        match unshare() {
            Ok(output) if output.status.success() => {}
            _ => eprintln!("NOT CHECKED: that it could be done before"),
        }
        confine(Confine::On)?;
        let said = String::from_utf8(unshare()?.stderr)?;
        ensure!(said.contains("Operation not permitted"), "{said}");
        let true_is_run = Command::new("true").status()?.success();
        ensure!(true_is_run, "nothing can be executed");
        Ok(())
    })
}

#[test]
fn no_connection_can_be_made_but_clients_are_accepted() -> Result<()> {
    alone("confine::tests::no_connection_can_be_made_but_clients_are_accepted", || {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let client = TcpStream::connect(address)?;
        confine(Confine::On)?;
        ensure!(is_refused(TcpStream::connect(address)), "connected");
        ensure!(is_refused(UdpSocket::bind("127.0.0.1:0")), "a socket for datagrams");
        let server = listener.accept()?.0;
        assert_eq!(server.peer_addr()?, client.local_addr()?);
        // A process that takes the place of another may listen elsewhere, too.
        TcpListener::bind("127.0.0.1:0")?;
        UnixStream::pair()?;
        Ok(())
    })
}

#[test]
fn other_processes_get_no_signals() -> Result<()> {
    alone("confine::tests::other_processes_get_no_signals", || {
        // It ends when nobody can write to it any more.
        let run = || Command::new("cat").stdin(Stdio::piped()).spawn();
        let mut other = run()?;
        confine(Confine::On)?;
        ensure!(is_refused(other.kill()), "killed");
        run()?.kill()?;
        Ok(())
    })
}

#[test]
fn files_are_refused_where_that_was_asked_for() -> Result<()> {
    alone("confine::tests::files_are_refused_where_that_was_asked_for", || {
        let elsewhere = tempfile::tempdir()?;
        let [secret, made] = ["secret", "made"].map(|name| elsewhere.path().join(name));
        fs::write(&secret, "")?;
        let folder = confine(Confine::Files)?;
        fs::read_dir(folder.path())?;
        ensure!(is_refused(fs::write(folder.path().join("made"), "")), "written where it may read");
        ensure!(is_refused(fs::read(&secret)), "read");
        ensure!(is_refused(fs::write(&made, "")), "written");
        fs::read("/proc/self/status")?;
        Ok(())
    })
}

#[test]
fn files_are_not_refused_otherwise() -> Result<()> {
    alone("confine::tests::files_are_not_refused_otherwise", || {
        let folder = confine(Confine::On)?;
        fs::write(folder.path().join("made"), "")?;
        fs::read("/etc/passwd")?;
        Ok(())
    })
}

#[test]
fn where_handlers_are_built_connections_are_not_refused() -> Result<()> {
    alone("confine::tests::where_handlers_are_built_connections_are_not_refused", || {
        let folder = tempfile::tempdir()?;
        let mut plan = plan(folder.path(), Confine::On);
        plan.tenants[0].routes[0].source = Source::Folder(folder.path().to_owned());
        Confinement::begin(&plan, None, None)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        TcpStream::connect(listener.local_addr()?)?;
        UdpSocket::bind("127.0.0.1:0")?;
        ensure!(refusals().into_iter().all(|(_, refused)| refused), "nothing is refused");

        plan.server.confine = Confine::Files;
        ensure!(Confinement::begin(&plan, None, None).is_err(), "files are refused to a build");
        Ok(())
    })
}

#[test]
fn nothing_is_given_up_if_that_was_asked_for() -> Result<()> {
    alone("confine::tests::nothing_is_given_up_if_that_was_asked_for", || {
        confine(Confine::Off)?;
        let status = fs::read_to_string("/proc/thread-self/status")?;
        ensure!(status.contains("NoNewPrivs:\t0\n"), "{status}");
        UdpSocket::bind("127.0.0.1:0")?;
        Ok(())
    })
}
