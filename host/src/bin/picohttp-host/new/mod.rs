//! Begins a handler: a folder with one of the examples in it.

mod rust;
mod template;
#[path = "../../../../../plugins/languages/src/tools.rs"]
mod tools; // the list that the examples themselves are built with

use std::env;
use std::fs::{self, DirBuilder};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use crate::cli::{Language, New};
use crate::print;
use template::{GO, GO_TEST, JS_TEST, MEMORY, PYTHON_TEST, Template, ZIG_TEST, example, file};
use tools::Tool;

/// What makes a place for tools that are Python packages.
const ENVIRONMENT: [&str; 2] = ["python3 -m venv ~/python-tools", ". ~/python-tools/bin/activate"];

/// Makes the folder, and says what is next.
pub fn new(options: &New) -> Result<ExitCode> {
    let New { folder, lang, sdk } = options;
    let name = name(folder)?;
    let template = match lang {
        Language::Rust => rust::template(name, sdk.as_deref())?,
        Language::Js => example("handler.js", file!("js/handler.js")).tested(JS_TEST),
        Language::Ts => example("handler.ts", file!("ts/handler.ts")).tested(JS_TEST),
        Language::Python => example("handler.py", file!("python/handler.py")).tested(PYTHON_TEST),
        Language::Go => example(GO, file!("go/export_wit_world/handler.go")).tested(GO_TEST),
        Language::C => example("handler.c", file!("c/handler.c")).with(MEMORY),
        Language::Cpp => example("handler.cpp", file!("cpp/handler.cpp")).with(MEMORY),
        Language::Zig => {
            example("handler.zig", file!("zig/handler.zig")).with(MEMORY).tested(ZIG_TEST)
        }
    };
    let cannot_make = || format!("cannot make {}", folder.display());
    ensure!(!folder.exists(), "{} is there already; give another name", folder.display());
    DirBuilder::new().create(folder).with_context(cannot_make)?;
    for (path, text) in &template.files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(cannot_make)?;
        fs::write(&path, text.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    print(next(folder, &template).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The handler's name, which is that of its folder. It has to do for a package, too.
fn name(folder: &Path) -> Result<&str> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if !begins_well || !name.chars().all(is_plain) {
        bail!("{name:?} is no name for a handler; use letters, digits, - and _, a letter first");
    }
    Ok(name)
}

/// The commands that are next.
fn next(folder: &Path, template: &Template) -> String {
    let mut missing: Vec<&str> = Vec::new();
    for tool in template.commands.iter().flat_map(|command| Tool::of(command)) {
        if !missing.contains(&tool.install) && !tool.is_here() {
            missing.push(tool.install);
        }
    }
    let mut text = String::new();
    let mut block = |title: &str, lines: &[&str]| {
        text.push_str(title);
        text.push_str("\n\n");
        lines.iter().for_each(|line| text.extend(["    ", line, "\n"]));
        text.push('\n');
    };
    let is_python = |line: &&str| line.starts_with("pip ");
    if missing.iter().any(is_python) && env::var_os("VIRTUAL_ENV").is_none() {
        // Many systems let nobody install Python packages elsewhere.
        missing.splice(0..0, ENVIRONMENT);
    }
    if !missing.is_empty() {
        block(
            "Tools that are not here yet are installed so (docs/languages.md has more):",
            &missing,
        );
    }
    let made: Vec<&str> = template.files.iter().map(|(path, _)| *path).collect();
    block(&format!("Made {}:", folder.display()), &made);
    let enter = format!("cd {}", folder.display());
    let Template { commands, tests, serve, .. } = template;
    let commands = commands.iter().map(String::as_str).chain(tests.iter().copied());
    let lines: Vec<&str> = [enter.as_str()].into_iter().chain(commands).chain([*serve]).collect();
    block("Next:", &lines);
    block("And then, elsewhere:", &["curl http://127.0.0.1:8080/hello"]);
    text
}
