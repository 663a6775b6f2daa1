//! The command line, as typed.

mod call;
mod check;
mod compile;
mod grants;
mod keeping;
mod limits;
mod new;
mod pages;
mod serve;

use std::env;
use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use picohttp_host::REQUEST_LOG;
use tracing_subscriber::filter::{LevelFilter, Targets};

pub use call::Call;
pub use check::{Check, ReportFormat};
pub use compile::Compile;
pub use grants::Grants;
pub use keeping::Keeping;
pub use limits::{CompileLimits, Limits};
pub use new::{Language, New};
pub use pages::{Completions, Manual};
pub use serve::Serve;

/// What may come before a command.
const GLOBAL_FLAGS: [&str; 7] = ["-v", "-vv", "--verbose", "-q", "-qq", "--quiet", "--"];

/// What can be said beside `--config`; all else is for the file to say.
const BESIDE_CONFIG: [&str; 5] =
    ["config", "watch", "show_confinement", "no_cache", "allow_precompiled"];

/// Serves HTTP from sandboxed WebAssembly handlers, a fresh instance for each request.
///
/// HANDLER is a component (a .wasm file), or a folder with a Cargo.toml that is built
/// for wasm32-wasip2 first. Without one, the current folder's files are served, by an
/// embedded handler that is sandboxed like any other. With --config, a file says which
/// handlers are served, for whom.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "picohttp-host",
    version,
    override_usage = "picohttp-host [OPTIONS] [HANDLER]\n       picohttp-host [-v | -q] <COMMAND>",
    after_help = "\
Examples:
  picohttp-host                                    the files in this folder
  picohttp-host --dir public::/                    those in another one
  picohttp-host --port 8080 handler.wasm           a component
  picohttp-host --watch plugins/hello              a Rust project, rebuilt as it changes
  picohttp-host --dir data::/data --env MODE=test handler.wasm
                                                   a component that may read ./data
  picohttp-host --config picohttp.toml             many handlers of many tenants
  picohttp-host new hello                          a new handler, to begin with
  picohttp-host check handler.wasm                 what it imports, holds and costs
  picohttp-host call handler.wasm GET /hello       one request, without a server

Sizes are bytes, or like 64KiB, 16MiB, 10MB. Durations are seconds, or like 500ms, 10s, 1m.

Signals: HUP reads the configuration again, and opens the access log again, as USR1 does
alone. USR2 puts a new process in the place of this one, as nginx does: the program is
started anew with the listening sockets, and when it serves, this process finishes its
requests and ends; no client is refused. INT and TERM finish requests and end.

A listening socket that was passed by systemd (LISTEN_FDS) is used unless --addr or
--port is given. READY, RELOADING and STOPPING are told to NOTIFY_SOCKET.

Exit codes: 0 after a stop by signal, 1 for a failure, 2 for a wrong command line, 3 if
connections were cut off at the shutdown timeout, 130 or 143 after a second INT or TERM, 134
if the clock stands still that ends handlers."
)]
pub struct Options {
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub serve: Serve,

    /// Log more: each request (-v), and the host's own steps (-vv)
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Log less: only warnings (-q), and only errors (-qq)
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose", global = true)]
    pub quiet: u8,
}

/// What to do other than serve.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    New(New),

    Check(Check),

    Call(Box<Call>),

    Compile(Compile),

    Completions(Completions),

    #[command(name = "man")]
    Manual(Manual),
}

/// The definition of the command line: [`Options`], and what `--config` conflicts with.
pub fn command() -> clap::Command {
    let command = Options::command();
    let arguments = command.get_arguments().filter(|argument| !argument.is_global_set());
    let ids = arguments.map(|argument| argument.get_id().clone());
    let in_file: Vec<_> = ids.filter(|id| !BESIDE_CONFIG.contains(&id.as_str())).collect();
    command.mut_args(|argument| match argument.get_id() == "config" {
        true => argument.conflicts_with_all(&in_file),
        false => argument,
    })
}

impl Options {
    /// Those of this process. A wrong command line ends it.
    pub fn of_process() -> Options {
        let mut command = command();
        if let Some(message) = mistyped_command(&command, env::args_os().skip(1)) {
            command.error(ErrorKind::InvalidSubcommand, message).exit();
        }
        let matches = command.try_get_matches_from_mut(env::args_os());
        let matches = matches.unwrap_or_else(|error| with_hint(error).exit());
        if let Some((subcommand, stray)) = stray_argument(&command, &matches) {
            let message = format!("the argument '{stray}' cannot be used with '{subcommand}'");
            command.error(ErrorKind::ArgumentConflict, message).exit();
        }
        let options = Options::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        if let Some(file) =
            options.handler().filter(|file| file.extension() == Some("toml".as_ref()))
        {
            let file = file.display();
            let message = format!("'{file}' is no handler; for a configuration: --config {file}");
            command.error(ErrorKind::ArgumentConflict, message).exit();
        }
        options
    }

    /// The handler in whose place a configuration can be named, if one is named.
    fn handler(&self) -> Option<&Path> {
        match &self.command {
            None => self.serve.handler.as_deref(),
            Some(Command::Check(check)) => check.handler.as_deref(),
            Some(_) => None,
        }
    }

    /// What is logged.
    pub fn logged(&self) -> Targets {
        let level = match (self.quiet, self.verbose) {
            (0, 0 | 1) => LevelFilter::INFO,
            (0, _) => LevelFilter::DEBUG,
            (1, _) => LevelFilter::WARN,
            (_, _) => LevelFilter::ERROR,
        };
        let requests = if self.verbose == 1 { LevelFilter::DEBUG } else { level };
        Targets::new()
            .with_default(level)
            .with_target(REQUEST_LOG, requests)
            // What that says of guests names none, and is on nobody's account.
            .with_target("wasmtime_wasi", level.min(LevelFilter::INFO))
    }
}

/// The same error; where a flag goes instead that cannot be beside `--config`.
fn with_hint(mut error: clap::Error) -> clap::Error {
    let names_config = |value: &ContextValue| value.to_string().contains("--config");
    if error.kind() == ErrorKind::ArgumentConflict
        && error.context().any(|(_, value)| names_config(value))
    {
        let hint = "write it in the file: docs/configuration.md".into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint]));
    }
    error
}

/// What is wrong if the first word is no command and no handler, but much like a command.
fn mistyped_command(
    command: &clap::Command,
    args: impl Iterator<Item = OsString>,
) -> Option<String> {
    let words = args.filter_map(|arg| arg.into_string().ok());
    let mut words = words.skip_while(|word| GLOBAL_FLAGS.contains(&word.as_str()));
    let word = words.next().filter(|word| !Path::new(word).exists())?;
    if command.find_subcommand(&word).is_some() {
        return None;
    } else if ["serve", "run", "start"].contains(&word.as_str()) {
        return Some(format!("there is no command '{word}'; to serve a handler, leave it out"));
    }
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    let likeness = |name: &&str| strsim::damerau_levenshtein(&word, name);
    let nearest = commands.map(clap::Command::get_name).min_by_key(likeness)?;
    (likeness(&nearest) * 3 <= word.len())
        .then(|| format!("there is no command '{word}'; did you mean '{nearest}'?"))
}

/// A command, and what was said before it that only serving has use for.
fn stray_argument(command: &clap::Command, matches: &ArgMatches) -> Option<(String, String)> {
    let subcommand = matches.subcommand_name()?;
    let stray = command.get_arguments().find(|argument| {
        let source = matches.value_source(argument.get_id().as_str());
        source == Some(ValueSource::CommandLine) && !argument.is_global_set()
    });
    stray.map(|argument| (subcommand.to_owned(), argument.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn what_is_much_like_a_command_is_taken_for_one() {
        for (line, nearest) in [
            ("chek a.wasm", Some("did you mean 'check'?")),
            ("-q chekc", Some("did you mean 'check'?")),
            ("complie a.wasm", Some("did you mean 'compile'?")),
            ("serve a.wasm", Some("leave it out")),
            ("check a.wasm", None),
            ("help", None),
            ("--port 80", None),
            ("a.wasm", None),
            ("src", None),
            ("", None),
        ] {
            let args = line.split(' ').map(OsString::from);
            let said = mistyped_command(&command(), args);
            let matches = match nearest {
                Some(nearest) => said.as_ref().is_some_and(|said| said.ends_with(nearest)),
                None => said.is_none(),
            };
            assert!(matches, "{line}: {said:?}");
        }
    }

    #[test]
    fn before_a_command_is_only_what_all_commands_know() {
        for (line, is_stray) in [
            ("picohttp-host -q check a.wasm", None),
            ("picohttp-host -vv call a.wasm GET /", None),
            ("picohttp-host --port 80 a.wasm", None),
            ("picohttp-host --port 80 check a.wasm", Some("--port <PORT>")),
            ("picohttp-host a.wasm check b.wasm", Some("[HANDLER]")),
        ] {
            let mut command = command();
            let matches = command.try_get_matches_from_mut(line.split(' ')).unwrap();
            let stray = stray_argument(&command, &matches).map(|(_, stray)| stray);
            assert_eq!(stray.as_deref(), is_stray, "{line}");
        }
    }
}
