//! Builds the handlers in other languages:
//!
//! ```sh
//! cargo run -p languages                # those whose tools are here
//! cargo run -p languages -- zig go      # these
//! cargo run -p languages -- --missing   # prints the lines that install the other tools
//! ```

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use languages::{Handler, LANGUAGES, Language, Tool};

fn main() -> Result<ExitCode> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words == ["--missing"] {
        return print_missing();
    }
    for word in &mut words {
        *word = word.to_lowercase();
        let names = LANGUAGES.iter().map(|language| language.folder).collect::<Vec<_>>();
        ensure!(names.contains(&&**word), "there is no {word}, but {}", names.join(", "));
    }
    let wanted =
        |language: &&Language| words.is_empty() || words.iter().any(|word| word == language.folder);
    let mut all = true;
    for language in LANGUAGES.iter().filter(wanted) {
        all &= build(language);
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds a language's example and says how it went. Whether it did not fail.
fn build(language: &Language) -> bool {
    println!("{}", language.name);
    let built = try_build(language);
    if let Err(error) = &built {
        println!("    {}", format!("{error:#}").trim_end().replace('\n', "\n    "));
    }
    built.is_ok()
}

fn try_build(language: &Language) -> Result<()> {
    let missing = language.missing()?;
    for Tool { command, install, .. } in &missing {
        println!("    {command} is missing; to install it:\n    {install}");
    }
    if missing.is_empty() {
        let start = Instant::now();
        let file = language.build(Handler::Example, |command| println!("    $ {command}"))?;
        let size = file.metadata()?.len().div_ceil(1024);
        println!("    {}: {size} KiB, {:.1?}", file.display(), start.elapsed());
    }
    Ok(())
}

fn print_missing() -> Result<ExitCode> {
    let mut lines = BTreeSet::new();
    for language in LANGUAGES {
        lines.extend(language.missing()?.iter().map(|tool| tool.install));
    }
    lines.iter().for_each(|line| println!("{line}"));
    Ok(ExitCode::SUCCESS)
}
