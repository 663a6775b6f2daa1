//! Answers of any bytes: some thousands of what `cargo bench --bench hostile -- --only
//! answers` gives by the million.

use std::hash::{BuildHasher, Hasher, RandomState};

use anyhow::{Result, ensure};
use picohttp_host::Sandbox;
use picohttp_tests::answers::{Tally, answer_at_random};
use picohttp_tests::sandbox::load;

const ANSWERS: usize = 30_000;

#[test]
fn any_answer_is_well_formed_or_a_fault() -> Result<()> {
    let guest = load("any_answer", Sandbox::default())?;
    let seed = RandomState::new().build_hasher().finish() | 1;
    let Tally { sent, refused, .. } = answer_at_random(&guest, ANSWERS, seed)?;
    // Damage that shows, and damage that does not.
    ensure!(sent > ANSWERS / 20 && refused > ANSWERS / 20, "{sent} sent, {refused} refused");
    Ok(())
}
