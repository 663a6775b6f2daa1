//! What a process that serves cannot do, as the kernel tells it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;
use picohttp_tests::process::ProcessId;
use picohttp_tests::program::{Program, install};
use picohttp_tests::successor::restart;

use crate::configuration::Folder;
use crate::running::{FILE, command, fails, run};

/// Whom to become: nobody, by number, as not all systems call it the same.
const NOBODY: &str = "65534:65534";

/// What the kernel says of every thread of a process, under a name.
fn of_threads(process: ProcessId, name: &str) -> Result<Vec<String>> {
    let found = process.of_threads(name)?;
    ensure!(found.len() > 5, "too few threads: {found:?}");
    Ok(found)
}

/// Whether something is so of all threads of a process.
fn ensure_all(process: ProcessId, name: &str, expected: &str) -> Result<()> {
    let found = of_threads(process, name)?;
    ensure!(found.iter().all(|found| found == expected), "{name}: {found:?}");
    Ok(())
}

fn is_root() -> Result<bool> {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        // Also where tests that pass are silent.
        writeln!(std::io::stderr(), "NOT CHECKED: only root can become somebody else")?;
    }
    Ok(is_root)
}

/// A configuration with these keys of the server's, and a tenant `a` that says a word.
fn saying(word: &str, server: &str) -> String {
    format!(
        "{server}\n[[tenant]]\nname = 'a'\nhosts = ['a.test']\nsource = 'a.wasm'\n\
         args = ['{word}']\nenvironment = {{ GRANTED = '{word}' }}\n"
    )
}

/// A folder of nobody's, that everybody can read, with such a configuration.
pub fn folder(server: &str) -> Result<Folder> {
    let folder = Folder::new(&saying("old", server))?;
    folder.put(&guest("granted")?, "a.wasm")?;
    let path = folder.path("");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    if rustix::process::geteuid().is_root() {
        chown(&path, Some(65534), Some(65534))?;
    }
    Ok(folder)
}

/// What `check` says of such a folder, and its exit code.
pub fn check(folder: &Folder) -> Result<(i32, String)> {
    let mut command = Command::new(FILE);
    let file = folder.path("picohttp.toml");
    let (code, _, said) = run(command.args(["check", "--config"]).arg(file))?;
    Ok((code, said))
}

#[test]
fn all_threads_are_confined() -> Result<()> {
    let host = Program::start(command().arg(plugin("hello")?))?;
    host.get("/hello")?;
    let id = host.id();
    ensure_all(id, "NoNewPrivs", "1")?;
    ensure_all(id, "Seccomp", "2")?;
    let limits = id.read("limits")?;
    let core = limits.lines().find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.context("no limit")?.split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"]);
    Ok(())
}

#[test]
fn instances_are_pooled_as_without_confinement() -> Result<()> {
    let pooled = |args: &[&str]| -> Result<String> {
        let host = Program::start(command().arg(plugin("hello")?).arg("-vv").args(args))?;
        host.wait_for("the engine is ready")?;
        let log = host.log();
        let line = log.lines().find(|line| line.contains("the engine is ready"));
        Ok(line.context("no engine")?.split_once("allocation").context("no word")?.1.to_owned())
    };
    let usual = pooled(&["--confine", "off"])?;
    assert_eq!(pooled(&[])?, usual);
    assert_eq!(pooled(&["--confine", "files"])?, usual);
    if is_root()? {
        // What tells which pages were written is a file of the process's own.
        let file = fs::read(plugin("hello")?)?;
        let folder = folder("")?;
        fs::write(folder.path("hello.wasm"), file)?;
        let mut command = command();
        command.arg(folder.path("hello.wasm")).args(["-vv", "--user", NOBODY]);
        let host = Program::start(&mut command)?;
        host.wait_for(&usual)?;
    }
    Ok(())
}

/// Threads that went last go like others again at their deadlines, which the limit allows.
#[test]
fn somebody_else_may_help_threads_or_says_that_it_may_not() -> Result<()> {
    if !is_root()? {
        return Ok(());
    }
    let folder = folder("")?;
    fs::write(folder.path("hello.wasm"), fs::read(plugin("hello")?)?)?;
    let mut command = command();
    command.arg(folder.path("hello.wasm")).args(["--user", NOBODY]);
    let host = Program::start(&mut command)?;
    let limits = host.id().read("limits")?;
    let nice = limits.lines().find_map(|line| line.strip_prefix("Max nice priority"));
    let nice = nice.and_then(|line| line.split_whitespace().next()).context("no limit")?;
    if nice.parse::<u32>()? < 20 {
        return host.wait_for("LimitNICE=+0");
    }
    host.get("/hello")?;
    ensure!(!host.log().contains("LimitNICE"), "{}", host.log());
    Ok(())
}

#[test]
fn who_asks_for_it_is_not_confined() -> Result<()> {
    let host = Program::start(command().arg(plugin("hello")?).args(["--confine", "off"]))?;
    let id = host.id();
    ensure_all(id, "NoNewPrivs", "0")?;
    ensure_all(id, "Seccomp", "0")
}

#[test]
fn one_process_after_another_is_confined_once() -> Result<()> {
    let filters = |process: ProcessId| -> Result<String> {
        Ok(of_threads(process, "Seccomp_filters")?.swap_remove(0))
    };
    let mut host = Program::start(command().arg(plugin("hello")?))?;
    let before = filters(host.id())?;
    let new = restart(&host)?;
    ensure_all(new.0, "NoNewPrivs", "1")?;
    assert_eq!(filters(new.0)?, before);
    assert_eq!(host.end()?.code(), Some(0));
    Ok(())
}

#[test]
fn what_is_given_up_is_said() -> Result<()> {
    let said = |args: &[&str]| -> Result<String> {
        let (code, printed, said) = run(command().arg("--show-confinement").args(args))?;
        ensure!(code == 0, "{said}");
        Ok(printed)
    };
    let usual = said(&[])?;
    for text in ["privileges: none can be gained", "are refused (seccomp)", "no core file"] {
        ensure!(usual.contains(text), "{usual}");
    }
    ensure!(said(&["--confine", "off"])?.contains("not confined, as was asked for"));
    ensure!(said(&["--confine", "files"])?.contains("files: only those below"));
    Ok(())
}

#[test]
fn roots_rights_go_with_the_sockets_bound() -> Result<()> {
    if !is_root()? {
        return Ok(());
    }
    let user = format!("user = '{NOBODY}'");
    let folder = folder(&user)?;
    // Where nobody can execute it.
    let program = folder.path("picohttp-host");
    install(FILE, &program)?;
    let mut command = Command::new(&program);
    command.args(["--no-cache", "--config"]).arg(folder.path("picohttp.toml"));
    let mut host = Program::start_on(&mut command)?;
    ensure!(!host.log().contains("serving as root"), "{}", host.log());
    let ids = ["65534"; 4].join("\t");
    let is_nobody = |process: ProcessId| -> Result<()> {
        ensure_all(process, "Uid", &ids)?;
        ensure_all(process, "Gid", &ids)?;
        ensure_all(process, "Groups", "65534")?;
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            ensure_all(process, set, "0000000000000000")?;
        }
        Ok(())
    };
    is_nobody(host.id())?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "old old");

    folder.configure(&saying("new", &user))?;
    host.signal("HUP")?;
    host.wait_for("serving what has changed")?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "new new");
    let new = restart(&host)?;
    is_nobody(new.0)?;
    assert_eq!(host.end()?.code(), Some(0));
    assert_eq!(host.get_of("a.test", "/")?.text(), "new new");
    Ok(())
}

#[test]
fn who_cannot_become_the_user_does_not_serve() -> Result<()> {
    let refused = |user: &str, text: &str| -> Result<()> {
        let (code, said) = fails(&["--port", "0", "--user", user])?;
        ensure!(code == 1 && said.contains(text), "{code} {said}");
        Ok(())
    };
    refused("no-such-user", "cannot become no-such-user: there is no such user")?;
    refused("4000000000", "there is no such user; a number needs a group")?;
    refused("4000000000:no-such-group", "there is no group no-such-group")?;
    refused("0:0", "that would give up nothing")?;
    if !is_root()? {
        return refused("4000000000:1", "only root can become another user");
    }
    let folder = folder(&format!("user = '{NOBODY}'"))?;
    let file = folder.path("picohttp.toml");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    let (code, said) = fails(&["--config", file.to_str().context("no text")?])?;
    ensure!(code == 1 && said.contains("and must at SIGHUP"), "{code} {said}");
    Ok(())
}

#[test]
fn a_check_by_root_leaves_the_users_cache_to_the_user() -> Result<()> {
    if !is_root()? {
        return Ok(());
    }
    let checked = |dirs: &str| -> Result<(bool, bool)> {
        let server = format!("cache_dir = 'data/cache'\nuser = '{NOBODY}'");
        let folder = folder(&server)?;
        fs::create_dir(folder.path("data"))?;
        folder.configure(&format!("{}{dirs}\n", saying("old", &server)))?;
        Ok((check(&folder)?.0 == 0, folder.path("data/cache").exists()))
    };
    assert_eq!(checked("")?, (true, false));
    assert_eq!(checked("dirs = ['data::/data::rw']")?, (false, false));
    Ok(())
}

#[test]
fn root_is_told_that_it_is() -> Result<()> {
    if is_root()? {
        let host = Program::start(command().arg(plugin("hello")?))?;
        host.wait_for("serving as root")?;
    }
    Ok(())
}

#[test]
fn who_serves_without_other_files_reloads_and_restarts() -> Result<()> {
    let server = "confine = 'files'\naccess_log = 'access.log'";
    let folder = folder(server)?;
    let mut host = folder.serve(&[])?;
    folder.configure(&saying("new", server))?;
    host.signal("HUP")?;
    host.wait_for("serving what has changed")?;
    assert_eq!(host.get_of("a.test", "/")?.text(), "new new");
    let _new = restart(&host)?;
    assert_eq!(host.end()?.code(), Some(0));
    eventually("the new one serves alone", || {
        host.get_of("a.test", "/").is_ok_and(|answer| answer.text() == "new new")
    })
}

#[test]
fn request_threads_are_refused_a_folder_that_takes_the_place_of_a_granted_one() -> Result<()> {
    let read = |confine: &str| -> Result<(u16, String)> {
        let folder = Folder::new("")?;
        let granted = folder.path("granted");
        let put = |text: &str| -> Result<()> {
            fs::create_dir(&granted)?;
            Ok(fs::write(granted.join("file"), text)?)
        };
        put("granted")?;
        let mut command = command();
        command.arg(guest("files")?).args(["--confine", confine, "--dir"]);
        let host = Program::start(command.arg(format!("{}::/", granted.display())))?;
        assert_eq!(host.get("/read?path=file")?.text(), "granted");
        fs::rename(&granted, folder.path("elsewhere"))?;
        put("secret")?;
        let answer = host.get("/read?path=file")?;
        Ok((answer.status, answer.text().to_owned()))
    };
    assert_eq!(read("on")?, (200, "secret".to_owned()));
    let (status, text) = read("files")?;
    ensure!(status == 500 && !text.contains("secret"), "{status} {text}");
    Ok(())
}

#[test]
fn where_handlers_are_built_that_is_said() -> Result<()> {
    let project = picohttp_tests::guests::root().join("plugins/hello");
    let host = Program::start(command().arg(project))?;
    host.wait_for("this process may connect to others")?;
    ensure_all(host.id(), "Seccomp", "2")
}

#[test]
fn operators_without_a_token_are_worth_a_word_where_others_can_connect() -> Result<()> {
    let warned = |address: &str| -> Result<bool> {
        let mut command = command();
        command.arg(guest("spin")?).args(["--admin-addr", address]);
        let host = Program::start(&mut command)?;
        host.wait_for("Operators look at")?;
        host.signal("TERM")?;
        Ok(host.whole_log()?.contains("whoever can connect sees what operators see"))
    };
    ensure!(warned("0.0.0.0:0")?);
    ensure!(!warned("127.0.0.1:0")?);
    Ok(())
}
