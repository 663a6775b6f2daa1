//! Guests that are not let in: what they want is off, or more than anyone may have.

use anyhow::{Result, bail, ensure};
use picohttp_host::Sandbox;
use picohttp_tests::sandbox::{engine, load_into};

/// Each guest, and what is said of it.
const REFUSED: &[(&str, &str)] = &[
    ("shared_memory", "shared"),
    ("wait_on_memory", "threads"),
    ("memory64", "memory64"),
    ("collected", "gc"),
    ("exceptions", "exceptions"),
    ("five_memories", "memories"),
    ("relaxed_simd", "relaxed SIMD"),
    ("function_references", "function references"),
    ("stack_switching", "stack switching"),
    ("small_pages", "custom page"),
    ("wide_arithmetic", "wide arithmetic"),
    ("other_store", "wasi:keyvalue/store"),
    ("many_instances", "instances"),
    ("huge_minimum", "memory"),
    ("huge_table", "table"),
];

#[test]
fn what_is_off_or_too_much_is_said_and_not_loaded() -> Result<()> {
    let engine = engine()?;
    for (guest, said) in REFUSED {
        let Err(error) = load_into(engine, guest, Sandbox::default()) else {
            bail!("{guest} was loaded")
        };
        let error = format!("{error:#}");
        ensure!(error.contains(said), "{guest}: {error}");
        ensure!(!error.contains(|c: char| c.is_control()), "{guest}: {error}");
        ensure!(error.len() < 2000, "{guest}: {error}");
    }
    Ok(())
}
