//! The command line, as typed after `cargo bench --bench hostile --`.

use anyhow::{Result, bail};
use clap::Parser;

use crate::scenarios::{SCENARIOS, Scenario};

/// Shows what slow and hostile clients cost the server, and the healthy ones.
#[derive(Parser)]
#[command(name = "hostile")]
pub struct Options {
    /// Only this scenario; repeatable
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Measure everything this many times; judged are the medians [default: 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: Option<u32>,

    /// One round with a tenth of the clients: shows that it works, and gives no figures to
    /// quote
    #[arg(long)]
    pub quick: bool,

    /// Only say which scenarios there are
    #[arg(long)]
    pub list: bool,

    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// Fails if a name is nobody's.
    pub fn check(&self) -> Result<()> {
        let unknown = |name: &&String| !SCENARIOS.iter().any(|scenario| scenario.name == **name);
        if let Some(name) = self.only.iter().find(unknown) {
            bail!("no scenario is called {name}; --list names them all");
        }
        Ok(())
    }

    pub fn wants(&self, scenario: &Scenario) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == scenario.name)
    }
}
