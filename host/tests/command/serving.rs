//! What is served, and from where.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use anyhow::Result;
use picohttp_tests::client::exchange;
use picohttp_tests::guests::{plugin, root};
use picohttp_tests::host::eventually;
use picohttp_tests::program::Program;

use crate::running::{FILE, command};

#[test]
fn a_folder_is_built_with_progress_and_served() -> Result<()> {
    let host = Program::start(command().arg(root().join("plugins/hello")))?;
    assert!(host.log().contains("Finished `release` profile"), "{}", host.log());
    assert_eq!(host.get("/hello")?.text(), "Hello world!");
    assert_eq!(host.get("/goodbye")?.text(), "Goodbye cruel world");
    assert_eq!(host.get("/else")?.status, 404);
    Ok(())
}

#[test]
fn the_access_log_is_opened_again_when_it_was_moved() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [file, moved] = ["access.log", "access.log.1"].map(|name| folder.path().join(name));
    let host = Program::start(command().arg(plugin("hello")?).arg("--access-log").arg(&file))?;
    for signal in ["USR1", "HUP"] {
        fs::rename(&file, &moved)?;
        host.signal(signal)?;
        eventually("there is a new file", || file.exists())?;
    }
    assert_eq!(host.get("/hello")?.status, 200);
    eventually("it has the line", || {
        fs::read_to_string(&file).is_ok_and(|text| text.contains("GET /hello"))
    })
}

#[test]
fn a_component_file_is_served() -> Result<()> {
    let host = Program::start(command().arg(plugin("hello")?))?;
    assert_eq!(host.get("/hello")?.text(), "Hello world!");
    Ok(())
}

#[test]
fn without_a_handler_the_current_folder_is_served_and_nothing_else() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let served = folder.path().join("served");
    fs::create_dir(&served)?;
    fs::write(served.join("index.html"), "<p>here</p>")?;
    fs::write(folder.path().join("secret"), "not here")?;
    let host = Program::start(command().current_dir(&served))?;

    let index = host.get("/")?;
    assert_eq!((index.status, index.text()), (200, "<p>here</p>"));
    assert_eq!(index.header("Content-Type"), Some("text/html; charset=utf-8"));
    for target in ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "/secret"] {
        assert_eq!(host.get(target)?.status, 404, "{target}");
    }
    let post = exchange(host.address, "POST /index.html HTTP/1.0\r\nContent-Length: 0\r\n\r\n")?;
    assert_eq!(post.status, 501);
    Ok(())
}

#[test]
fn the_first_free_port_is_used() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let taken_port = taken.local_addr()?.port().to_string();
    let mut command = command();
    command.arg(plugin("hello")?).args(["-p", &taken_port, "-p", "0"]);
    let host = Program::start_on(&mut command)?;
    assert_ne!(host.address.port().to_string(), taken_port);
    assert_eq!(host.get("/hello")?.status, 200);
    Ok(())
}

#[test]
fn any_address_can_be_listened_on() -> Result<()> {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("SKIPPED: there is no IPv6 here");
        return Ok(());
    }
    let mut command = command();
    command.arg(plugin("hello")?).args(["--addr", "[::1]:0"]);
    let host = Program::start_on(&mut command)?;
    assert!(host.address.is_ipv6());
    assert_eq!(host.get("/hello")?.status, 200);
    Ok(())
}

#[test]
fn arguments_reach_the_handler_in_order() -> Result<()> {
    let args = ["--arg", "one", "--arg", "--two", "--arg", ""];
    let host = Program::start(command().arg(plugin("echo")?).args(args))?;
    assert!(host.get("/")?.text().contains(r#""args":["one","--two",""]"#));
    Ok(())
}

#[test]
fn a_folder_can_be_granted_to_any_handler() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("page.txt"), "granted")?;
    let grant = format!("{}::/", folder.path().display());
    let host = Program::start(command().arg(plugin("static")?).args(["--dir", &grant]))?;
    assert_eq!(host.get("/page.txt")?.text(), "granted");
    Ok(())
}

#[test]
fn a_compiled_component_is_kept_for_the_next_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let cache = folder.path().join("cache");
    let start = || {
        let mut command = Command::new(FILE);
        command.arg(plugin("hello")?).arg("-vv").arg("--cache-dir").arg(&cache);
        Program::start(&mut command)
    };
    let first = start()?;
    first.wait_for("kept the compiled component")?;
    let second = start()?;
    second.wait_for("compiled before")?;
    assert_eq!(second.get("/hello")?.text(), "Hello world!");
    Ok(())
}
