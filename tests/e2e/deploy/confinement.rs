//! What the unit forbids, against what the program does.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use picohttp_tests::client::get;
use picohttp_tests::process::ProcessId;

use super::smoke::Machine;
use super::{deploy, not_checked, run, unit_command};

/// The system calls that the unit's filters leave.
fn allowed() -> Result<Option<BTreeSet<String>>> {
    let unit = fs::read_to_string(deploy("systemd/picohttp-host.service"))?;
    let filters = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter="));
    let Some(mut allowed) = members("@default")? else { return Ok(None) };
    let always = allowed.clone();
    for filter in filters {
        let (words, allows) = match filter.strip_prefix('~') {
            Some(words) => (words, false),
            None => (filter, true),
        };
        for word in words.split(' ') {
            let calls = match word.starts_with('@') {
                true => members(word)?.context("systemd-analyze was here a moment ago")?,
                false => BTreeSet::from([word.to_owned()]),
            };
            match allows {
                true => allowed.extend(calls),
                false => allowed.retain(|call| !calls.contains(call) || always.contains(call)),
            }
        }
    }
    Ok(Some(allowed))
}

/// The system calls of a group; `None` where nobody knows them.
fn members(group: &str) -> Result<Option<BTreeSet<String>>> {
    let Some(output) = run("systemd-analyze", &[&"syscall-filter", &group])? else {
        return Ok(None);
    };
    ensure!(output.status.success(), "{group} is no group");
    let mut calls = BTreeSet::new();
    for line in String::from_utf8(output.stdout)?.lines().skip(1).map(str::trim) {
        if line.starts_with('@') {
            calls.extend(members(line)?.unwrap_or_default());
        } else if !line.is_empty() && !line.starts_with('#') {
            calls.insert(line.to_owned());
        }
    }
    Ok(Some(calls))
}

/// The system calls in what strace has written.
fn called(trace: &str) -> BTreeSet<String> {
    let call = |line: &str| {
        let (_, rest) = line.split_once(' ')?;
        let rest = rest.trim_start().trim_start_matches("<... ");
        let end = rest.find(|character: char| character != '_' && !character.is_alphanumeric())?;
        Some(rest[..end].to_owned()).filter(|call| !call.is_empty())
    };
    trace.lines().filter_map(call).collect()
}

#[test]
fn the_program_calls_nothing_that_the_unit_forbids() -> Result<()> {
    let Some(allowed) = allowed()? else {
        return not_checked("system calls: systemd-analyze is not installed");
    };
    if run("strace", &[&"--version"])?.is_none() {
        return not_checked("system calls: strace is not installed");
    }
    let machine = Machine::with("systemd/picohttp.toml")?;
    let trace = machine.path("cache/picohttp-host/trace");
    let strace = ["strace", "-f", "-qq", "-o", trace.to_str().context("no text")?];
    let mut started = machine.run_within(&strace, &unit_command()?)?;
    assert_eq!(started.get("/index.html")?.status, 200);
    assert_eq!(get(started.operators()?, "/healthz")?.status, 200);
    let written = fs::read_to_string(&trace)?;
    let process = written.split(' ').next().context("nothing was traced")?;
    let process = ProcessId(process.parse()?);
    process.signal("HUP")?;
    started.wait_for("serving what has changed")?;
    process.signal("TERM")?;
    started.end()?;

    let called = called(&fs::read_to_string(&trace)?);
    let forbidden: Vec<&String> = called.difference(&allowed).collect();
    ensure!(called.contains("epoll_wait") || called.contains("epoll_pwait"), "{called:?}");
    ensure!(forbidden.is_empty(), "{forbidden:?}");
    Ok(())
}
