//! The project of a handler in Rust.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::template::Template;

/// Where the SDK was when this program was built.
const SDK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk");

/// The example, with its tests: a copy, as whoever changes the example is not to wait until this
/// program is built anew.
const HELLO: &str = include_str!("hello.rs");

/// Which Rust it is built with, and for what.
const TOOLCHAIN: &str = include_str!("../../../../../rust-toolchain.toml");

/// Names that a Rust package cannot have, or not beside the SDK: keywords, those reserved for
/// later among them (The Rust Reference, "Keywords"), and crates that are always there.
const TAKEN: [&str; 56] = [
    "as", "break", "const", "continue", "crate", "else", "enum", "extern", "false", "fn", "for",
    "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return",
    "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where",
    "while", "async", "await", "dyn", "abstract", "become", "box", "do", "final", "macro",
    "override", "priv", "typeof", "unsized", "virtual", "yield", "try", "gen", "alloc", "core",
    "std", "test", "picohttp",
];

/// A package that depends on the SDK where it is.
pub fn template(name: &str, sdk: Option<&Path>) -> Result<Template> {
    if TAKEN.contains(&name) {
        bail!("{name:?} is no name for a package in Rust, where it means something else");
    }
    let sdk = sdk.unwrap_or(Path::new(SDK));
    let found = sdk.canonicalize().ok().filter(|sdk| sdk.join("Cargo.toml").is_file());
    let sdk = found.with_context(|| {
        format!(
            "there is no SDK in {}; get this project's source, and say where its folder \
             guest-sdk is (--sdk)",
            sdk.display()
        )
    })?;
    let sdk = sdk.to_str().context("the path of the SDK is not UTF-8")?;
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n\
         [dependencies]\npicohttp = {{ path = {sdk:?} }}\n\n\
         [profile.release]\nlto = true\nstrip = \"debuginfo\"\n\n\
         # No part of a workspace that this folder may be in.\n[workspace]\n"
    );
    let files = vec![
        ("Cargo.toml", manifest.into()),
        ("src/lib.rs", HELLO.into()),
        ("rust-toolchain.toml", TOOLCHAIN.into()),
        (".gitignore", "/target\n".into()),
    ];
    let (tests, serve) = (&["cargo test"], "picohttp-host --watch .");
    Ok(Template { files, commands: Vec::new(), tests, serve })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_handler_is_the_example() {
        assert_eq!(HELLO, include_str!("../../../../../plugins/hello/src/lib.rs"));
    }
}
