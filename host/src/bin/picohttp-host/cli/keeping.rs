//! Where compiled handlers are kept, and which are believed.

use std::path::PathBuf;

use clap::Args;
use picohttp_host::config::cache_folder;

/// Where compiled handlers are kept, and which are believed.
#[derive(Args, Clone, Debug)]
pub struct Keeping {
    /// Compile the handler at every start instead of keeping it compiled
    #[arg(long)]
    pub no_cache: bool,

    /// Keep compiled handlers here [default: ~/.cache/picohttp-host]; up to 2 GiB, then those
    /// go that were used longest ago
    #[arg(long, value_name = "FOLDER", value_parser = |path: &str| cache_folder(path.into()),
          conflicts_with = "no_cache")]
    pub cache_dir: Option<PathBuf>,

    /// Load handlers that are compiled already (`compile`), too. They are machine code that
    /// nobody can check, and no sandbox holds it: whoever can write one of these files can do
    /// all that this process can
    #[arg(long)]
    pub allow_precompiled: bool,
}
