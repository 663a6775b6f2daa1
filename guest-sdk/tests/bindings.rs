//! The checked-in bindings are what `wit-bindgen` makes of `../wit`.
//!
//! They are not generated while a handler compiles, because the generator takes
//! far longer to build than a handler does.

use std::path::Path;
use std::{env, fs};

use wit_bindgen_core::{Files, WorldGenerator, wit_parser::Resolve};

const HEADER: &str = "\
//! Bindings are the `plugin` world in Rust: generated from `../../wit`, by
//! `BLESS=1 cargo test -p picohttp --test bindings`.

";

#[test]
fn bindings_are_current() {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let generated = generate(&crate_root.join("../wit"));
    let file = crate_root.join("src/bindings.rs");
    if env::var_os("BLESS").is_some() {
        fs::write(&file, &generated).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap() == generated,
        "src/bindings.rs is not what ../wit gives; refresh it with BLESS=1"
    );
}

fn generate(wit: &Path) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();

    let options =
        wit_bindgen_rust::Opts { format: true, pub_export_macro: true, ..Default::default() };
    let mut files = Files::default();
    let mut generator = options.build();
    generator.generate(&mut resolve, world, &mut files).unwrap();
    let (_, code) = files.iter().next().unwrap();
    HEADER.to_owned() + str::from_utf8(code).unwrap()
}
