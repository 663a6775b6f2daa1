//! Components with bytes that are not theirs. More of them: `cargo bench --bench hostile --
//! --only flips`.

use anyhow::{Result, ensure};
use picohttp_tests::flips::deploy_flipped;

#[test]
fn flipped_bytes_do_no_harm() -> Result<()> {
    let tally = deploy_flipped(2000)?;
    // So it goes beyond the first check.
    for outcome in ["answered", "failed when it was asked", "refused as invalid"] {
        ensure!(tally.outcomes.contains_key(outcome), "none {outcome}: {:?}", tally.outcomes);
    }
    Ok(())
}
