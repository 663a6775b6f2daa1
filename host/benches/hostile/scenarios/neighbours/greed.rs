//! The kinds of greed: what the greedy tenant's handler does, and who has it do that.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use picohttp_tests::bombs;

use crate::process::Process;
use crate::server::Server;
use crate::stage::Stage;

pub struct Greed {
    pub name: &'static str,
    act: Act,
}

enum Act {
    /// So many clients ask this guest for that, each again as soon as it is answered.
    Ask { guest: &'static str, target: &'static str, clients: usize },
    /// A component like this is deployed, again as soon as it is refused.
    Deploy(fn() -> Result<Vec<u8>>),
}

/// How many clients take every place that a tenant has, and wait for another.
const CLIENTS: usize = 64;

pub const KINDS: [Greed; 11] = [
    Greed::asking("spins for ever", "spin", "/", 32),
    Greed::asking("computes 50 ms", "work", "/50000", CLIENTS),
    Greed::asking("computes 2 ms", "work", "/2000", CLIENTS),
    Greed::asking("sleeps 100 ms", "pause", "/100", 256),
    Greed::asking("eats memory", "eat_memory", "/", 32),
    Greed::asking("fills 32 MiB at once", "fill", "/", CLIENTS),
    Greed::asking("prints for ever", "print_forever", "/", CLIENTS),
    Greed::asking("answers 9 MB", "huge_body", "/9000000", CLIENTS),
    Greed::asking("answers 20 MB, too much", "huge_body", "/20000000", CLIENTS),
    Greed::asking("traps at once", "unreachable", "/", CLIENTS),
    Greed { name: "deploys a compile bomb", act: Act::Deploy(bombs::huge) },
];

/// How often its operator asks for the deployment, in seconds. What is asked for while one
/// goes on is done once after it.
const ASKED_EVERY: &str = "0.3";

impl Greed {
    const fn asking(
        name: &'static str,
        guest: &'static str,
        target: &'static str,
        clients: usize,
    ) -> Greed {
        Greed { name, act: Act::Ask { guest, target, clients } }
    }

    /// Puts the component into `file` with which the tenant begins.
    pub fn install(&self, stage: &Stage, file: &Path) -> Result<()> {
        let component = match self.act {
            Act::Ask { guest, .. } => stage.guest(guest)?,
            Act::Deploy(_) => stage.hello()?,
        };
        fs::copy(component, file)?;
        Ok(())
    }

    /// Has the tenant take all it can get, until the process is dropped.
    pub fn start(&self, stage: &Stage, server: &Server, file: &Path) -> Result<Process> {
        let folder = stage.new_folder()?;
        Process::start(self.command(server, file)?, folder.path())
    }

    fn command(&self, server: &Server, file: &Path) -> Result<Command> {
        let mut command;
        match self.act {
            Act::Ask { target, clients, .. } => {
                command = Command::new("wrk");
                command.args(["-t1", &format!("-c{clients}"), "--timeout=10s", "-d300s"]);
                command.arg(format!("http://{}{target}", server.address));
            }
            Act::Deploy(component) => {
                fs::write(file, component()?)?;
                command = Command::new("sh");
                let asks = "while kill -HUP $0; do sleep $1; done";
                command.args(["-c", asks, &server.id().to_string(), ASKED_EVERY]);
            }
        }
        Ok(command)
    }
}
