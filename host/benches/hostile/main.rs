//! Clients that mean harm, or are merely slow, against the real program: what they cost it,
//! and what they cost the others.
//!
//! ```sh
//! cargo bench --bench hostile                        # all
//! cargo bench --bench hostile -- --quick             # all, in some five minutes: no figures to quote
//! cargo bench --bench hostile -- --only idle --only flood --rounds 5
//! ```
//!
//! Each of the [`scenarios`] starts a [`server`] of its own and reads what it has: threads,
//! descriptors, memory. A [`crowd`] does the harm, or clients that [`open_loop`] brings at
//! their own pace, while a [`load`] of healthy ones is measured, in turn with the crowd and
//! without; or thousands of healthy ones ask in a [`closed_loop`]. After that the server must have what it had before. [`report`] prints each
//! figure with its goal.
//!
//! All run on the same machine: what the crowd itself takes of the processors is taken
//! from the healthy too, and is printed where it is much.

mod options;
mod stage;
mod server;
mod load;
mod crowd;
mod open_loop;
mod closed_loop;
mod pairs;
mod report;
mod scenarios;

#[path = "../compare/interrupt.rs"]
mod interrupt;
#[path = "../compare/pace.rs"]
mod pace;
#[path = "../compare/process.rs"]
mod process;
#[path = "../compare/usage.rs"]
mod usage;

use anyhow::{Result, bail};
use clap::Parser;
use picohttp_tests::wrk;

use options::Options;
use scenarios::SCENARIOS;
use stage::Stage;

fn main() -> Result<()> {
    let options = Options::parse();
    options.check()?;
    if options.list {
        SCENARIOS.iter().for_each(|scenario| println!("{:<14} {}", scenario.name, scenario.about));
        return Ok(());
    }
    let Some(wrk) = wrk::version() else { bail!(wrk::INSTALL) };
    let stage = Stage::new(&options)?;
    stage.print(&wrk);
    let mut missed = 0;
    for scenario in SCENARIOS.iter().filter(|scenario| options.wants(scenario)) {
        missed += report::print(scenario, (scenario.run)(&stage));
        stage.interrupt.check()?;
    }
    println!("\n{missed} not met");
    Ok(())
}
