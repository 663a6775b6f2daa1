//! The checked-in bindings are what `wit-bindgen` makes of `../wit`, less its post-return.
//!
//! They are not generated while a handler compiles, because the generator takes
//! far longer to build than a handler does.

use std::path::Path;
use std::{env, fs};

use wit_bindgen_core::{Files, WorldGenerator, wit_parser::Resolve};

const HEADER: &str = "\
//! Bindings are the `plugin` world in Rust, without its post-return: generated from
//! `../../wit`, by `BLESS=1 cargo test -p picohttp --test bindings`.

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
    HEADER.to_owned() + &without_post_return(str::from_utf8(code).unwrap())
}

/// Takes out what would free an answer when the host has copied it: the instance is thrown away
/// then, with all that it has, and one call less is a shorter life.
fn without_post_return(code: &str) -> String {
    let cut = |code: &str, from: &str, to: &str| {
        let parts = code.split_once(from);
        let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once(to)?.1)));
        let (before, after) = parts.expect("a post-return as it has always been written");
        [before, after].concat()
    };
    let function = "#[doc(hidden)]\n#[allow(non_snake_case)]\npub unsafe fn __post_return_handle";
    let export = r#" #[unsafe (export_name = "cabi_post_handle")]"#;
    cut(&cut(code, function, "\n}\n"), export, "(arg0) } }")
}
