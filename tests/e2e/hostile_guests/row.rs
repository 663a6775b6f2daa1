//! One way to misbehave, and what must come of it.

use anyhow::{Result, ensure};
use picohttp_tests::client::Answer;

/// A line of the table.
#[derive(Clone, Copy)]
pub struct Row {
    /// The guest in `tests/guests`.
    pub guest: &'static str,
    /// The method and the target of the request.
    pub ask: &'static str,
    /// The tenant's limits and grants, in the words of the configuration file.
    pub settings: &'static str,
    pub end: End,
    /// What a line of the program's log says of it; nothing if it is empty.
    pub log: &'static str,
    /// How often it is asked for.
    pub runs: usize,
}

/// How often a row is asked for, unless it takes long.
const RUNS: usize = 100;
const SELDOM: usize = 20;

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Timeout,
    Trap,
    OutOfMemory,
    BadResponse,
    /// Answered with this status: what the guest did was to no avail.
    Answered(u16),
}

/// A guest that does not end by itself.
pub const fn timeout(guest: &'static str, ask: &'static str) -> Row {
    let log = "timeout is 30ms";
    Row { guest, ask, settings: "timeout = '30ms'", end: End::Timeout, log, runs: RUNS }
}

/// A guest that dies, and what of.
pub const fn trap(guest: &'static str, ask: &'static str, log: &'static str) -> Row {
    Row { guest, ask, settings: "", end: End::Trap, log, runs: RUNS }
}

/// A guest that dies of too little memory.
pub const fn out_of_memory(guest: &'static str) -> Row {
    Row { guest, ask: "GET /", settings: "", end: End::OutOfMemory, log: "refused ", runs: RUNS }
}

/// A guest whose response is not sent, and why not.
pub const fn bad_response(guest: &'static str, ask: &'static str, log: &'static str) -> Row {
    Row { guest, ask, settings: "", end: End::BadResponse, log, runs: RUNS }
}

/// A guest that harms nothing.
pub const fn answered(guest: &'static str, ask: &'static str, status: u16) -> Row {
    Row { guest, ask, settings: "", end: End::Answered(status), log: "", runs: RUNS }
}

impl Row {
    /// With these lines of configuration, and no others.
    pub const fn with(self, settings: &'static str) -> Row {
        Row { settings, ..self }
    }

    /// Asked for less often.
    pub const fn seldom(self) -> Row {
        Row { runs: SELDOM, ..self }
    }

    /// Asked like this.
    pub const fn asking(self, ask: &'static str) -> Row {
        Row { ask, ..self }
    }

    /// With this in the log.
    pub const fn saying(self, log: &'static str) -> Row {
        Row { log, ..self }
    }

    pub fn name(&self) -> String {
        format!("{} {}", self.guest, self.ask)
    }

    /// Checks what the client was told: nothing that a guest made up, and nothing of why
    /// it failed.
    pub fn check(&self, answer: &Answer) -> Result<()> {
        ensure!(answer.status == self.end.status(), "{answer:?}");
        ensure!(answer.header("Connection") == Some("close"), "{answer:?}");
        ensure!(answer.header("Transfer-Encoding").is_none(), "{answer:?}");
        ensure!(answer.header("Keep-Alive").is_none(), "{answer:?}");
        ensure!(!format!("{answer:?}").contains("Forged"), "{answer:?}");
        let generic = match self.end {
            End::Answered(_) => return Ok(()),
            End::Timeout => "the handler took too long",
            End::BadResponse => "the handler's response is unusable",
            End::Trap | End::OutOfMemory => "the handler failed",
        };
        let request = answer.text().strip_prefix(generic).unwrap_or_default();
        let is_name = |byte: u8| byte.is_ascii_hexdigit() || b" (request)\n".contains(&byte);
        ensure!(request.len() == " (request 0123456789abcdef)\n".len(), "{answer:?}");
        ensure!(request.bytes().all(is_name), "{answer:?}");
        Ok(())
    }
}

impl End {
    pub fn status(self) -> u16 {
        match self {
            End::Timeout => 504,
            End::Trap | End::OutOfMemory => 500,
            End::BadResponse => 502,
            End::Answered(status) => status,
        }
    }

    /// The word for it in the logs.
    pub fn reason(self) -> &'static str {
        match self {
            End::Timeout => "timeout",
            End::Trap => "trap",
            End::OutOfMemory => "out-of-memory",
            End::BadResponse => "bad-response",
            End::Answered(_) => "answered",
        }
    }
}
