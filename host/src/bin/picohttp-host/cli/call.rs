//! One request to a handler.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{CompileLimits, Grants, Keeping, Limits};

/// Answer one request without a server, within the limits of one
///
/// The request is parsed as a client's would be, and the handler has the limits and the
/// grants that it would have when it is served. The answer goes to standard output, and
/// what it cost, or what went wrong, to standard error.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  picohttp-host call handler.wasm GET '/hello?name=x'
  picohttp-host call handler.wasm POST /items -H 'Content-Type: text/plain' -d @item.txt
  picohttp-host call plugins/hello GET /hello      a Rust project, built first

The first instance of a process takes longer to make than those that follow.

Exit codes: 0 if the handler answered with a status below 400, 1 if it cannot be loaded, 2
for a wrong command line, 3 if it answered with another status, 4 if it returned an error,
5 after a trap, 6 if it was out of memory, 7 for an unusable response, 8 if it was out of
time, 9 if the request could not be read or be handled.")]
pub struct Call {
    /// The handler: a .wasm file, or a folder with a Cargo.toml
    #[arg(value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub handler: PathBuf,

    /// The method, such as GET
    #[arg(value_parser = line)]
    pub method: String,

    /// The path and the query, such as '/hello?name=x'
    #[arg(value_parser = line)]
    pub target: String,

    /// Send a header; repeatable, in order
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub headers: Vec<String>,

    /// Send a body: this text, the bytes of a file, or those of standard input (@-)
    #[arg(short, long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    pub data: Option<String>,

    #[command(flatten)]
    pub grants: Grants,

    #[command(flatten)]
    pub limits: Limits,

    #[command(flatten)]
    pub compile_limits: CompileLimits,

    #[command(flatten)]
    pub keeping: Keeping,
}

/// A part of a request's head. What else is wrong with it, the parser says.
fn line(text: &str) -> Result<String, String> {
    match text.contains(['\r', '\n']) {
        true => Err("it must be one line".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn header(text: &str) -> Result<String, String> {
    match text.contains(':') {
        true => line(text),
        false => Err("not a header; write 'NAME: VALUE'".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_a_name_and_are_one_line() {
        assert_eq!(header("A: b:c").as_deref(), Ok("A: b:c"));
        assert!(header("A").is_err());
        assert!(header("A: b\r\nC: d").is_err());
    }
}
