//! `call`: one request to a handler, without a server.

use std::fs;

use anyhow::{Context, Result};
use picohttp_tests::guests::{guest, plugin, root};
use picohttp_tests::program;
use serde_json::{Value, json};

use crate::running::{FILE, run};

/// What a call came to.
struct Called {
    code: i32,
    /// The head of the answer.
    head: String,
    /// Its data.
    data: String,
    /// What is said beside it.
    said: String,
}

/// Calls a handler with these arguments.
fn call(handler: &str, args: &[&str]) -> Result<Called> {
    let mut command = program::command(FILE);
    let (code, answer, said) = run(command.args(["call", "--no-cache", handler]).args(args))?;
    let (head, data) = answer.split_once("\r\n\r\n").unwrap_or_default();
    Ok(Called { code, head: head.to_owned(), data: data.to_owned(), said })
}

/// Calls a guest with these arguments.
fn call_guest(name: &str, args: &[&str]) -> Result<Called> {
    call(guest(name)?.to_str().context("no text")?, args)
}

#[test]
fn an_answer_is_that_of_a_server_and_has_a_cost() -> Result<()> {
    let called = call_guest("behave", &["GET", "/data/hello"])?;
    let head = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: close";
    assert_eq!((called.head.as_str(), called.data.as_str()), (head, "hello"));
    for part in ["instantiate ", ", guest ", ", CPU ", ", memory 1.1 MiB"] {
        assert!(called.said.contains(part), "{part}: {}", called.said);
    }
    assert_eq!(called.code, 0);
    Ok(())
}

#[test]
fn two_folders_of_one_name_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let granted = format!("{}::/data", folder.path().display());
    let called = call_guest("behave", &["GET", "/", "--dir", &granted, "--dir", &granted])?;
    assert!(
        called.said.contains("--dir: the handler has another folder as /data"),
        "{}",
        called.said
    );
    assert_eq!(called.head, "");
    Ok(())
}

#[test]
fn more_folders_than_a_guest_can_have_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path().display();
    let granted: Vec<String> = (0..65).map(|number| format!("{folder}::/{number}")).collect();
    let mut args = vec!["GET", "/"];
    args.extend(granted.iter().flat_map(|granted| ["--dir", granted]));
    let called = call_guest("behave", &args)?;
    assert!(called.said.contains("--dir: a handler may have 64 folders, and not 65"));
    Ok(())
}

#[test]
fn who_asks_for_a_head_is_told_of_an_error_without_data() -> Result<()> {
    let called = call_guest("behave", &["HEAD", "/ /"])?;
    assert!(called.head.starts_with("HTTP/1.0 400 "), "{}", called.head);
    assert_eq!(called.data, "");
    Ok(())
}

#[test]
fn a_handler_sees_what_was_typed() -> Result<()> {
    let args = ["POST", "/a%20b/c?x=1&y", "-H", "A: 1", "-d", "body", "--arg", "-x"];
    let seen: Value = serde_json::from_str(&call_guest("behave", &args)?.data)?;
    let expected = json!({
        "method": "POST", "path": ["a%20b", "c"], "query": [["x", "1"], ["y", ""]],
        "protocol": "HTTP/1.1",
        "headers": [["Host", "localhost"], ["A", "1"], ["Content-Length", "4"]],
        "data": "body", "args": ["-x"],
    });
    assert_eq!(seen, expected);
    Ok(())
}

#[test]
fn a_body_may_come_from_a_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("data");
    fs::write(&file, "line\r\n\n")?;
    let data = format!("@{}", file.display());
    let seen: Value =
        serde_json::from_str(&call_guest("behave", &["PUT", "/", "--data", &data])?.data)?;
    assert_eq!(seen["data"], "line\r\n\n");
    Ok(())
}

#[test]
fn a_project_is_built_first() -> Result<()> {
    let folder = root().join("plugins/hello");
    let called = call(folder.to_str().context("no text")?, &["GET", "/hello"])?;
    assert_eq!((called.code, called.data.as_str()), (0, "Hello world!"), "{}", called.said);
    Ok(())
}

#[test]
fn grants_are_those_of_a_server() -> Result<()> {
    let called = call_guest("granted", &["GET", "/", "--arg", "one", "--env", "GRANTED=two"])?;
    assert_eq!(called.data, "one two");
    Ok(())
}

#[test]
fn the_exit_code_tells_the_outcome() -> Result<()> {
    for (name, args, code, status, said) in [
        ("behave", &["GET", "/status/399"][..], 0, 399, ""),
        ("behave", &["GET", "/status/400"], 3, 400, ""),
        ("behave", &["GET", "/raise/why"], 4, 500, "handler-error: why"),
        ("panic", &["GET", "/"], 5, 500, "trap: wasm trap: "),
        ("eat_memory", &["GET", "/"], 6, 500, "out-of-memory: "),
        ("behave", &["GET", "/status/99"], 7, 502, "bad-response: the response's status 99"),
        ("spin", &["GET", "/", "--timeout", "50ms"], 8, 504, "timeout: the handler did not"),
        ("behave", &["GET", "/a b"], 9, 400, ""),
        ("behave", &["GET", "/", "-d", "12345", "--max-body-size", "4"], 9, 413, ""),
        // There is no end to it, so only what shows that it is too long is read.
        ("behave", &["POST", "/", "-d", "@/dev/zero"], 9, 413, ""),
        ("behave", &["POST", "/", "-d", "1", "-H", "Content-Length: 2"], 9, 400, ""),
    ] {
        let called = call_guest(name, args)?;
        let line = called.head.lines().next().unwrap_or_default();
        assert!(line.starts_with(&format!("HTTP/1.0 {status} ")), "{name} {args:?}: {line}");
        assert!(called.said.contains(said), "{name} {args:?}: {}", called.said);
        assert_eq!(called.code, code, "{name} {args:?}: {}", called.said);
    }
    Ok(())
}

#[test]
fn what_a_handler_prints_comes_before_the_cost() -> Result<()> {
    let said = call_guest("talk", &["GET", "/lines"])?.said;
    let (log, cost) = said.split_once("instantiate ").context("no cost")?;
    assert!(log.contains("first") && log.contains("third"), "{said}");
    assert_eq!(cost.lines().count(), 1, "{said}");
    assert_eq!(call_guest("behave", &["GET", "/", "-q"])?.said, "");
    Ok(())
}

#[test]
fn what_cannot_be_called_is_an_error() -> Result<()> {
    let missing = call("no/such.wasm", &["GET", "/"])?;
    assert_eq!((missing.code, missing.data.as_str()), (1, ""));
    assert!(missing.said.starts_with("error: cannot read no/such.wasm"), "{}", missing.said);
    let hello = plugin("hello")?;
    let hello = hello.to_str().context("no text")?;
    for (args, says) in [
        (&["GET"][..], "<TARGET>"),
        (&["GET", "/", "-H", "name"], "write 'NAME: VALUE'"),
        (&["GET", "/", "-H", "a: b\nc: d"], "one line"),
    ] {
        let called = call(hello, args)?;
        assert!(called.code == 2 && called.said.contains(says), "{}", called.said);
    }
    Ok(())
}
