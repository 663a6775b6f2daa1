//! One request to a handler, without a server.

use std::fs::File;
use std::io::{IsTerminal, Read, stdin, stdout};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bytesize::ByteSize;
use picohttp_host::config::Plan;
use picohttp_host::http1::Limits;
use picohttp_host::{Answered, Cost, Deployer, Origin, Reason, answer_in_memory};

use crate::cli::Call;
use crate::log::Log;
use crate::{engine, loading, plan, print, progress, say};

/// Answers a request. The answer goes to standard output, and what went wrong and what it
/// cost, to standard error.
pub fn call(options: &Call, log: Log, announce: bool) -> Result<ExitCode> {
    let plan = plan::of_call(options)?;
    let answered = answer(&plan, options, announce)?;
    // What the handler logged comes first.
    drop(log);
    let answer = [answered.head.as_slice(), &answered.data].concat();
    if stdout().is_terminal() {
        print(printable(&answer).as_bytes())?;
    } else {
        print(&answer)?;
    }
    match &answered.fault {
        Some(fault) => say(&format!("{}: {fault}", answered.reason)),
        None if answered.reason == Reason::Answered => {}
        // It did not come to the handler, and this is what the client is told.
        None => {
            let text = String::from_utf8_lossy(&answered.data);
            let limit = match answered.reason {
                Reason::BodyTooLarge => {
                    let most = ByteSize(options.limits.max_body_size as u64);
                    format!(" (`max_body_size`, --max-body-size: {most})")
                }
                _ => String::new(),
            };
            say(&format!("{}: {}{limit}", answered.reason, text.trim_end()));
        }
    }
    if announce && answered.cost != Cost::default() {
        say(&cost(&answered.cost));
    }
    Ok(ExitCode::from(exit_code(&answered)))
}

fn answer(plan: &Plan, options: &Call, announce: bool) -> Result<Answered> {
    let request = request(options)?;
    let cache = engine::cache(plan, &options.keeping, None);
    let engine = engine::engine(plan)?.allow_precompiled(options.keeping.allow_precompiled);
    let deployer = Deployer::new(engine, cache);
    let handlers = deployer.handlers(plan, progress::show(announce, plan));
    let handlers = handlers.map_err(loading::plainly)?;
    let [handler] = handlers.as_slice() else { bail!("there is no handler") };
    let limits = Limits { body_bytes: options.limits.max_body_size as u64, ..Limits::default() };
    let origin = Arc::new(Origin::new(handler.name(), "/..."));
    Ok(answer_in_memory(handler, request, &limits, &options.grants.arg, &origin))
}

/// The bytes that a client would send.
fn request(options: &Call) -> Result<Vec<u8>> {
    let most = options.limits.max_body_size as u64;
    let data = options.data.as_deref().map(|text| data(text, most)).transpose()?;
    let Call { method, target, headers, .. } = options;
    let mut request = format!("{method} {target} HTTP/1.1\r\n");
    let has = |wanted: &str| {
        let mut names = headers.iter().filter_map(|header| header.split(':').next());
        names.any(|name| name.eq_ignore_ascii_case(wanted))
    };
    let host = (!has("Host")).then(|| "Host: localhost".to_owned());
    let length = data.as_ref().filter(|_| !has("Content-Length") && !has("Transfer-Encoding"));
    let length = length.map(|data| format!("Content-Length: {}", data.len()));
    for header in host.iter().chain(headers).chain(&length) {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    Ok([request.into_bytes(), data.unwrap_or_default()].concat())
}

/// What is to be sent, with as much of what is too long as shows that.
fn data(text: &str, most: u64) -> Result<Vec<u8>> {
    let Some(file) = text.strip_prefix('@') else { return Ok(text.as_bytes().to_vec()) };
    let mut bytes = Vec::new();
    let enough = most.saturating_add(1);
    if file == "-" {
        let read = stdin().lock().take(enough).read_to_end(&mut bytes);
        read.context("cannot read standard input")?;
    } else {
        let read = File::open(file).and_then(|file| file.take(enough).read_to_end(&mut bytes));
        read.with_context(|| format!("cannot read {file}"))?;
    }
    Ok(bytes)
}

/// An answer as lines that a terminal shows and does not obey: whoever calls a handler may know
/// nothing of it yet.
fn printable(answer: &[u8]) -> String {
    let mut printable = String::with_capacity(answer.len());
    for line in String::from_utf8_lossy(answer).lines() {
        for character in line.chars() {
            match character {
                '\t' | '"' | '\'' | '\\' => printable.push(character),
                other => printable.extend(other.escape_debug()),
            }
        }
        printable.push('\n');
    }
    printable
}

fn cost(cost: &Cost) -> String {
    let Cost { instantiate, guest, cpu, memory } = cost;
    let memory = ByteSize(*memory as u64);
    format!("instantiate {instantiate:.1?}, guest {guest:.1?}, CPU {cpu:.1?}, memory {memory}")
}

/// What the command ends with; its help has the list.
fn exit_code(answered: &Answered) -> u8 {
    match answered.reason {
        Reason::Answered if answered.status < 400 => 0,
        Reason::Answered => 3,
        Reason::HandlerError => 4,
        Reason::Trap => 5,
        Reason::OutOfMemory => 6,
        Reason::BadResponse => 7,
        Reason::Timeout => 8,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_given_nothing_to_obey() {
        let answer =
            "HTTP/1.0 200 OK\r\nA: \u{1b}[2J\r\n\r\n\"é\\\t\u{9b}\u{202e}\u{7}\0".as_bytes();
        let shown = "HTTP/1.0 200 OK\nA: \\u{1b}[2J\n\n\"é\\\t\\u{9b}\\u{202e}\\u{7}\\0\n";
        assert_eq!(printable(answer), shown);
    }
}
