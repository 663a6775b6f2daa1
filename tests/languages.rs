//! What every language's handlers must do, each through the host.
//!
//! A language whose tools are not here, and that was not built before, is left out: by an
//! ignored test whose name says what is missing, and again when all others have run. With
//! `--include-ignored` that test fails.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use languages::{Handler, LANGUAGES, Language};
use libtest_mimic::{Arguments, Failed, Trial};
use picohttp_host::{Cache, Component, HttpServer, Sandbox};
use picohttp_tests::client::{self, Answer};
use picohttp_tests::host::Host;
use picohttp_tests::sandbox::engine;
use serde_json::{Value, json};

/// A promise, and what checks that a language's handlers keep it.
type Test = (&'static str, fn(&Guests) -> Result<()>);

const TESTS: &[Test] = &[
    ("the_first_example_works", the_first_example_works),
    ("everything_arrives", everything_arrives),
    ("nothing_is_not_empty", nothing_is_not_empty),
    ("a_megabyte_of_any_bytes_arrives", a_megabyte_of_any_bytes_arrives),
    ("an_answer_is_sent_as_it_was_made", an_answer_is_sent_as_it_was_made),
    ("a_megabyte_of_any_bytes_is_sent", a_megabyte_of_any_bytes_is_sent),
    ("an_error_is_told", an_error_is_told),
    ("a_panic_is_not", a_panic_is_not),
    ("an_endless_loop_is_ended", an_endless_loop_is_ended),
    ("memory_is_bounded", memory_is_bounded),
    ("nothing_survives_a_request", nothing_survives_a_request),
    ("requests_are_handled_at_once", requests_are_handled_at_once),
];

fn main() {
    let mut arguments = Arguments::from_args();
    // The hosts have threads enough of their own.
    arguments.test_threads.get_or_insert(2);
    let trials: Vec<Trial> = LANGUAGES.iter().flat_map(trials).collect();
    let left_out = trials.iter().filter(|trial| trial.has_ignored_flag());
    let left_out: Vec<String> = left_out.map(|trial| trial.name().to_owned()).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if conclusion.num_ignored > 0 {
        eprintln!("!! {}\n!! {INSTALL}\n", left_out.join("\n!! "));
    }
    conclusion.exit();
}

const INSTALL: &str = "`cargo run -p languages` says how to install what is missing";

/// A language's tests, or one that says why there are none.
fn trials(language: &'static Language) -> Vec<Trial> {
    let missing = match language.missing() {
        Ok(missing) => missing,
        Err(error) => return vec![Trial::test(language.name, move || Err(told(error)))],
    };
    if !missing.is_empty() {
        let tools = missing.iter().map(|tool| tool.command).collect::<Vec<_>>().join(", ");
        let name = format!("{} is LEFT OUT for want of {tools}", language.name);
        return vec![Trial::test(name, || Err(INSTALL.into())).with_ignored_flag(true)];
    }
    let guests = Arc::new(OnceLock::new());
    let trial = |(name, test): &Test| {
        let (guests, test) = (Arc::clone(&guests), *test);
        Trial::test(format!("{}::{name}", language.folder), move || {
            let guests = guests.get_or_init(|| Guests::of(language));
            test(guests.as_ref().map_err(|error| format!("{error:#}"))?).map_err(told)
        })
    };
    TESTS.iter().map(trial).collect()
}

fn told(error: anyhow::Error) -> Failed {
    format!("{error:#}").into()
}

/// A language's two handlers, each behind a socket.
struct Guests {
    example: Host,
    misbehaving: Host,
}

impl Guests {
    /// Builds and serves them.
    fn of(language: &Language) -> Result<Guests> {
        Ok(Guests {
            example: serve(language, Handler::Example, Duration::from_secs(30))?,
            misbehaving: serve(language, Handler::Misbehave, Duration::from_secs(5))?,
        })
    }

    /// Has the example describe a request.
    fn describe(&self, request: impl AsRef<[u8]>) -> Result<Value> {
        let answer = self.example.exchange(request)?;
        ensure!(answer.status == 200, "{answer:?}");
        ensure!(answer.header("Content-Type") == Some("application/json"), "{answer:?}");
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Has the other misbehave, and sees that it then works again.
    fn misbehave(&self, how: &str) -> Result<Answer> {
        let answer = self.misbehaving.get(how)?;
        let next = self.misbehaving.get("/mirror")?;
        ensure!(next.status == 299, "{how} and then {next:?}");
        Ok(answer)
    }
}

/// Builds and serves a handler, which is compiled only if it was not before.
fn serve(language: &Language, handler: Handler, timeout: Duration) -> Result<Host> {
    let file = language.build(handler, |_| {})?;
    let sandbox = Sandbox { timeout, ..Sandbox::default() };
    let cache = Cache::in_folder(languages::target().join("compiled"));
    let component = Component::from_file(engine()?, file, sandbox, &cache)?;
    Host::serve(HttpServer::new(component).args(["one", "", "drei ä"]))
}

fn the_first_example_works(guests: &Guests) -> Result<()> {
    for (target, status, text) in [
        ("/hello", 200, "Hello world!"),
        ("/goodbye/for/ever?a=b", 200, "Goodbye cruel world"),
        ("/", 404, ""),
        ("/hell", 404, ""),
        ("/hello2", 404, ""),
    ] {
        let answer = guests.example.get(target)?;
        ensure!((answer.status, answer.text()) == (status, text), "{target}: {answer:?}");
    }
    Ok(())
}

fn everything_arrives(guests: &Guests) -> Result<()> {
    let request =
        b"PURGE /request/?x=1&&y&x=2=3?4&%20=\"\\ HTTP/1.1\r\nHost: h\r\nX-A:  b \tc \r\n\
        x-a: \xe9\r\nX-A: \xf0\x9f\x90\x84 \x01\x7f\r\nContent-Length: 6\r\n\r\na\xff\0\"\\\n";
    let seen = guests.describe(request)?;
    ensure!(seen["method"] == "PURGE", "{seen}");
    let query = json!([["x", "1"], ["", ""], ["y", ""], ["x", "2=3?4"], ["%20", "\"\\"]]);
    ensure!(seen["query"] == query, "{seen}");
    let headers = json!([
        ["Host", "h"],
        ["X-A", "b \tc"],
        ["x-a", "é"],
        ["X-A", "🐄 \u{1}\u{7f}"],
        ["Content-Length", "6"],
    ]);
    ensure!(seen["headers"] == headers, "{seen}");
    ensure!(seen["data"] == "aÿ\0\"\\\n", "{seen}");
    ensure!(seen["args"] == json!(["one", "", "drei ä"]), "{seen}");
    Ok(())
}

fn nothing_is_not_empty(guests: &Guests) -> Result<()> {
    let seen = guests.describe("GET /request HTTP/1.0\r\n\r\n")?;
    ensure!(seen["data"].is_null() && seen["query"] == json!([]), "{seen}");
    ensure!(seen["headers"] == json!([]), "{seen}");
    let seen = guests.describe("GET /request HTTP/1.0\r\nContent-Length: 0\r\n\r\n")?;
    ensure!(seen["data"] == "", "{seen}");
    Ok(())
}

/// A request with a mebibyte in which every byte occurs, and the mebibyte.
fn large(target: &str) -> (Vec<u8>, Vec<u8>) {
    let data: Vec<u8> = (0..1 << 20).map(|at: u32| (at ^ (at >> 8)) as u8).collect();
    let mut request =
        format!("POST {target} HTTP/1.0\r\nContent-Length: {}\r\n\r\n", data.len()).into_bytes();
    request.extend(&data);
    (request, data)
}

fn a_megabyte_of_any_bytes_arrives(guests: &Guests) -> Result<()> {
    let (request, data) = large("/request");
    let text: String = data.iter().copied().map(char::from).collect();
    ensure!(guests.describe(request)?["data"] == text, "other data");
    Ok(())
}

fn an_answer_is_sent_as_it_was_made(guests: &Guests) -> Result<()> {
    let request = "GET /mirror HTTP/1.1\r\nB: 1\r\nA: 2, 3\r\nb: \r\nB: 4\r\n\r\n";
    let answer = guests.misbehaving.exchange(request)?;
    ensure!((answer.protocol.as_str(), answer.status) == ("HTTP/1.1", 299), "{answer:?}");
    let expected = [("B", "1"), ("A", "2, 3"), ("b", ""), ("B", "4")];
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    ensure!(headers.take(4).eq(expected), "{answer:?}");
    ensure!(answer.header("Content-Length") == Some("0"), "{answer:?}");
    Ok(())
}

fn a_megabyte_of_any_bytes_is_sent(guests: &Guests) -> Result<()> {
    let (request, data) = large("/mirror");
    ensure!(guests.misbehaving.exchange(request)?.body == data, "other data");
    Ok(())
}

fn an_error_is_told(guests: &Guests) -> Result<()> {
    let answer = guests.misbehave("/error")?;
    ensure!((answer.status, answer.text()) == (500, "an error: é\n"), "{answer:?}");
    Ok(())
}

fn a_panic_is_not(guests: &Guests) -> Result<()> {
    let answer = guests.misbehave("/panic")?;
    ensure!(answer.status == 500, "{answer:?}");
    Ok(())
}

fn an_endless_loop_is_ended(guests: &Guests) -> Result<()> {
    let answer = guests.misbehave("/loop")?;
    ensure!(answer.status == 504, "{answer:?}");
    Ok(())
}

fn memory_is_bounded(guests: &Guests) -> Result<()> {
    let answer = guests.misbehave("/hoard")?;
    ensure!(answer.status == 500, "{answer:?}");
    Ok(())
}

fn nothing_survives_a_request(guests: &Guests) -> Result<()> {
    for _ in 0..20 {
        let answer = guests.misbehaving.get("/count")?;
        ensure!(answer.status == 300, "{answer:?}");
    }
    Ok(())
}

fn requests_are_handled_at_once(guests: &Guests) -> Result<()> {
    let ask = |address: SocketAddr| -> Result<()> {
        for _ in 0..10 {
            let answer = client::get(address, "/hello")?;
            ensure!((answer.status, answer.text()) == (200, "Hello world!"), "{answer:?}");
        }
        Ok(())
    };
    let address = guests.example.address();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(move || ask(address))).collect();
        for client in clients {
            match client.join() {
                Ok(asked) => asked.context("one of eight clients")?,
                Err(_) => bail!("a client panicked"),
            }
        }
        Ok(())
    })
}
