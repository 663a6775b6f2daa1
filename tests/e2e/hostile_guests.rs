//! Guests that misbehave, all in one program: what each comes to, and that nobody else
//! notices.
//!
//! The [`table`] says how each must end. A row is asked for by many clients at once, again
//! and again: each is told the same and nothing of the guest's making, there is one record
//! for each, others are answered at once meanwhile, and afterwards the same process has no
//! thread, descriptor or memory more than before.

mod answers; // any bytes in the place of an answer
mod house;
mod refused; // those that are not let in
mod row;
mod table;

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use picohttp_tests::guests::root;

use house::House;
use table::ROWS;

#[test]
fn hostile_guests_are_contained() -> Result<()> {
    let mut house = House::open(ROWS)?;
    let mut failures = Vec::new();
    for (number, row) in ROWS.iter().enumerate() {
        if let Err(error) = house.check(number) {
            failures.push(format!("{}: {error:#}", row.name()));
            house.skip()?;
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

/// A guest that no test runs shows nothing.
#[test]
fn every_guest_is_in_a_test() -> Result<()> {
    let folders = ["tests/e2e", "tests/src", "host/tests"];
    let tests = folders.map(|folder| source(&root().join(folder)));
    let tests = tests.into_iter().collect::<Result<String>>()?;
    for entry in fs::read_dir(root().join("tests/guests"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().display();
        let is_guest = path.extension().is_some_and(|kind| kind == "rs" || kind == "wat");
        ensure!(!is_guest || tests.contains(&format!("\"{name}\"")), "no test runs {name}");
    }
    Ok(())
}

/// All that is written in Rust in a folder and those below.
fn source(folder: &Path) -> Result<String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            text += &source(&path)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(path)?;
        }
    }
    Ok(text)
}
