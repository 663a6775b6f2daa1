//! The same handler in every language: what it takes to load it, to make an instance for
//! each request, and to serve.
//!
//! ```sh
//! cargo bench --bench languages               # those whose tools are here
//! cargo bench --bench languages -- rust zig   # these
//! ```
//!
//! [`handler`] says what is measured of a handler alone, [`traffic`] what through a socket,
//! and [`table`] prints both.

mod handler;
mod table;
mod traffic;

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use languages::{Handler, LANGUAGES};
use picohttp_host::project;
use picohttp_tests::guests::{guest, root};

use table::Row;
use traffic::Traffic;

/// How often each is asked under load; what is printed is the median.
const ROUNDS: usize = 7;

/// A language's two handlers: one that greets, and one that loops when it is asked to.
struct Files {
    language: &'static str,
    greeting: PathBuf,
    looping: PathBuf,
}

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let is_wanted = |folder: &str| wanted.is_empty() || wanted.iter().any(|word| word == folder);
    let mut all = Vec::new();
    if is_wanted("rust") {
        let greeting = project::build(&root().join("plugins/hello"))?;
        all.push(Files { language: "Rust", greeting, looping: guest("spin")? });
        // One that imports nothing, like those in C and Zig.
        let greeting = project::build(&root().join("host/benches/compare/handler"))?;
        all.push(Files { language: "Rust, bare", greeting, looping: guest("spin")? });
    }
    for language in LANGUAGES.iter().filter(|language| is_wanted(language.folder)) {
        let missing = language.missing()?;
        if !missing.is_empty() {
            let tools: Vec<_> = missing.iter().map(|tool| tool.command).collect();
            eprintln!("{} is left out: {} missing", language.name, tools.join(", "));
            continue;
        }
        let build = |handler| language.build(handler, |command| eprintln!("$ {command}"));
        let [greeting, looping] = [build(Handler::Example)?, build(Handler::Misbehave)?];
        all.push(Files { language: language.name, greeting, looping });
    }
    ensure!(!all.is_empty(), "none of {} is here", wanted.join(", "));

    let mut handlers = Vec::new();
    for files in &all {
        eprintln!("measuring {}", files.language);
        handlers.push(handler::measure(files)?);
    }
    let hosts = all.iter().map(|files| traffic::serve(&files.greeting));
    let hosts: Vec<_> = hosts.collect::<Result<_>>()?;
    // In turn, so that a machine whose speed drifts is the same for each.
    let mut rounds: Vec<Vec<Traffic>> = all.iter().map(|_| Vec::new()).collect();
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for (host, rounds) in hosts.iter().zip(&mut rounds) {
            rounds.push(traffic::measure(host)?);
        }
    }
    table::print_head();
    for ((files, handler), rounds) in all.iter().zip(handlers).zip(&rounds) {
        table::print(&Row {
            language: files.language,
            size: size(&files.greeting)?,
            handler,
            traffic: Traffic::median(rounds),
        });
    }
    Ok(())
}

fn size(file: &Path) -> Result<u64> {
    Ok(file.metadata()?.len())
}
