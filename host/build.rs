//! Builds the `static` handler, which the command embeds, for `wasm32-wasip2`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    for path in ["plugins/static", "guest-sdk", "Cargo.toml"] {
        println!("cargo::rerun-if-changed=../{path}");
    }
    let out = env::var("OUT_DIR")?;
    // A folder of its own: the surrounding build holds the lock of the usual one.
    let target = Path::new(&out).join("target");
    let status = Command::new(env::var("CARGO")?)
        .args(["build", "--release", "--target", "wasm32-wasip2"])
        .args(["--manifest-path", "../plugins/static/Cargo.toml", "--target-dir"])
        .arg(&target)
        // Meant for the host, not for its guest.
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .status()?;
    if !status.success() {
        return Err("the static handler does not build; if it is about a missing target: \
                    rustup target add wasm32-wasip2"
            .into());
    }
    let built = target.join("wasm32-wasip2/release/static_files.wasm");
    fs::copy(built, Path::new(&out).join("static.wasm"))?;
    Ok(())
}
