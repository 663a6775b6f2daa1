//! Handlers in other languages than Rust: which there are, and how they are built.
//!
//! How a handler is built is said at the top of its own source, by the lines that begin
//! with `$ `. They run in a folder beneath `target/languages` that holds copies of the
//! handler's folder, of the interface in `wit/` and of `memory.c`, and leave `handler.wasm`
//! there.

mod build;
mod tools;

use std::path::{Path, PathBuf};

pub use tools::Tool;

/// A language that handlers are written in.
#[derive(Debug)]
pub struct Language {
    /// What it is called.
    pub name: &'static str,
    /// The folder of its handlers.
    pub folder: &'static str,
    /// Its source, within the folder.
    source: &'static str,
}

/// Every language that there is a handler in.
pub const LANGUAGES: &[Language] = &[
    Language { name: "C", folder: "c", source: "handler.c" },
    Language { name: "C++", folder: "cpp", source: "handler.cpp" },
    Language { name: "Go", folder: "go", source: "export_wit_world/handler.go" },
    Language { name: "JavaScript", folder: "js", source: "handler.js" },
    Language { name: "Python", folder: "python", source: "handler.py" },
    Language { name: "TypeScript", folder: "ts", source: "handler.ts" },
    Language { name: "Zig", folder: "zig", source: "handler.zig" },
];

/// A handler that every language has.
#[derive(Clone, Copy, Debug)]
pub enum Handler {
    /// Greets, and shows what a handler is given: what people start from.
    Example,
    /// Does what its path says, for tests.
    Misbehave,
}

impl Handler {
    /// Where the folders of the languages are, within that of this package.
    fn folder(self) -> &'static str {
        match self {
            Handler::Example => "",
            Handler::Misbehave => "tests/misbehave",
        }
    }
}

/// The folder of this package.
fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The top folder of the project.
fn root() -> &'static Path {
    package().ancestors().nth(2).unwrap_or(package())
}

/// Where everything is built.
pub fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into());
    root().join(target).join("languages")
}
