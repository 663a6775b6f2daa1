//! The recorded answers of the Python package and ours are the same, or the difference
//! is explained.
//!
//! What a handler saw is compared where it answers with it; elsewhere, what it did
//! shows that it saw the same.

mod differences;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use picohttp_host::{HttpServer, Sandbox, Timeouts};
use picohttp_tests::client::{Answer, Client};
use picohttp_tests::guests::{guest, root};
use picohttp_tests::host::{Host, load};
use serde_json::{Value, json};

use self::differences::{DIFFERENCES, Difference, Instead};

/// A request, and what came of it.
struct Case {
    name: String,
    request: Vec<u8>,
    half_close: bool,
    recorded: Outcome,
}

#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// Nothing, not even an end.
    Hung,
    /// The connection was closed without a word.
    Closed,
    /// The handler answered with what it saw.
    Seen(Value),
    /// Anything else was answered.
    Answered(Answer),
}

#[test]
fn every_difference_from_picohttp_is_explained() -> Result<()> {
    let cases = read_fixture()?;
    let explained = explanations(&cases);
    // Long enough for a request that is sent at once, and short for those that hang.
    let deadline = Duration::from_secs(2);
    let timeouts = Timeouts { head: deadline, body: deadline, ..Timeouts::default() };
    let behave = load(guest("behave")?, Sandbox::default())?;
    let server = HttpServer::new(behave).args(["first", "second"]).timeouts(timeouts);
    let host = Host::serve(server)?;

    let next = AtomicUsize::new(0);
    let check_cases = || {
        let mut faults = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let faulty = match ask(&host, case) {
                Ok(ours) => check(case, &ours, explained.get(case.name.as_str()), &cases).err(),
                Err(error) => Some(error),
            };
            faults.extend(faulty.map(|fault| format!("{}: {fault}", case.name)));
        }
        faults
    };
    let faults: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(check_cases)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a panic")).collect()
    });
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
    Ok(())
}

#[test]
fn the_readme_has_every_difference_and_no_other() -> Result<()> {
    let readme = fs::read_to_string(root().join("README.md"))?;
    let heading = "\n## Where we differ from picohttp, and why\n";
    let (_, section) = readme.split_once(heading).context("the section is missing")?;
    let section = section.split("\n## ").next().unwrap_or(section);
    let rows: Vec<_> = section.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    let expected: Vec<_> =
        DIFFERENCES.iter().map(|difference| row(difference.name, difference.why)).collect();
    assert_eq!(rows, expected, "the rows should be\n{}\n", expected.join("\n"));
    Ok(())
}

fn row(name: &str, why: &str) -> String {
    format!("| {name} | {why} |")
}

/// The difference that explains each case that differs.
fn explanations(cases: &[Case]) -> HashMap<&'static str, (&'static Difference, Instead)> {
    let mut explained = HashMap::new();
    for difference in DIFFERENCES {
        for &(instead, names) in difference.cases {
            for &name in names {
                assert!(cases.iter().any(|case| case.name == name), "no case is named {name:?}");
                let twice = explained.insert(name, (difference, instead)).is_some();
                assert!(!twice, "{name:?} is explained twice");
            }
        }
    }
    explained
}

/// Sends a case's bytes and takes what comes back.
fn ask(host: &Host, case: &Case) -> Result<Outcome> {
    let mut client = Client::connect(host.address())?;
    client.send(&case.request)?;
    if case.half_close {
        client.finish()?;
    }
    let bytes = client.read_all()?;
    if bytes.is_empty() {
        return Ok(Outcome::Closed);
    }
    let answer = Answer::parse(&bytes)?;
    let is_plain = answer.status == 200 && answer.headers.len() == 2;
    Ok(match serde_json::from_slice(&answer.body) {
        Ok(seen) if is_plain => Outcome::Seen(sorted(seen)),
        _ => Outcome::Answered(answer),
    })
}

fn check(
    case: &Case,
    ours: &Outcome,
    explained: Option<&(&Difference, Instead)>,
    cases: &[Case],
) -> Result<()> {
    let recorded = &case.recorded;
    let Some((difference, instead)) = explained else {
        ensure!(ours == recorded, "not explained\n  picohttp: {recorded:?}\n  we: {ours:?}");
        return Ok(());
    };
    ensure!(ours != recorded, "no different, but listed under {:?}", difference.name);
    let as_said = match (instead, ours) {
        (Instead::Closed, ours) => *ours == Outcome::Closed,
        (Instead::Refused(status), Outcome::Answered(answer)) => {
            let content_type = answer.header("Content-Type");
            answer.status == *status && content_type == Some("text/plain; charset=utf-8")
        }
        (Instead::Sees(changes), Outcome::Seen(seen)) => *seen == changed(case, changes, cases)?,
        (Instead::Answers(change), Outcome::Answered(answer)) => match recorded.clone() {
            Outcome::Answered(mut recorded) => {
                change(&mut recorded);
                *answer == recorded
            }
            _ => false,
        },
        (Instead::Bodiless, Outcome::Answered(answer)) => {
            let status = match recorded {
                Outcome::Answered(recorded) => recorded.status,
                _ => 200,
            };
            let has_length = answer.header("Content-Length").is_some_and(|length| length != "0");
            answer.status == status && answer.body.is_empty() && has_length
        }
        _ => false,
    };
    ensure!(as_said, "not as said under {:?}\n  we: {ours:?}", difference.name);
    Ok(())
}

/// What our handler should see, as [`Instead::Sees`] has it.
fn changed(case: &Case, changes: &str, cases: &[Case]) -> Result<Value> {
    let half_closed = format!("{} / half-closed", case.name);
    let half_closed = || Some(&cases.iter().find(|case| case.name == half_closed)?.recorded);
    let mut seen = match (&case.recorded, half_closed()) {
        (Outcome::Seen(seen), _) | (_, Some(Outcome::Seen(seen))) => seen.clone(),
        _ => json!({
            "method": "GET", "path": ["seen"], "query": [], "protocol": "HTTP/1.0",
            "headers": [], "data": null, "args": ["first", "second"],
        }),
    };
    let changes: HashMap<String, Value> = serde_json::from_str(changes)?;
    for (member, value) in changes {
        seen[member] = value;
    }
    Ok(sorted(seen))
}

/// Sorts the names in the query and the headers: a dict, as recorded, and a list, as
/// ours, become equal unless a name occurs twice.
fn sorted(mut seen: Value) -> Value {
    for member in ["query", "headers"] {
        let mut pairs: Vec<(String, String)> = match &seen[member] {
            Value::Object(dict) => serde_json::from_value(json!(dict.iter().collect::<Vec<_>>())),
            list => serde_json::from_value(list.clone()),
        }
        .expect("names and values");
        pairs.sort();
        seen[member] = json!(pairs);
    }
    seen
}

fn read_fixture() -> Result<Vec<Case>> {
    let text = fs::read_to_string(root().join("tests/parity/fixture.json"))?;
    let fixture: Value = serde_json::from_str(&text)?;
    let cases = fixture["cases"].as_array().context("no cases")?;
    cases.iter().map(|case| read_case(case).context("an unreadable case")).collect()
}

fn read_case(case: &Value) -> Option<Case> {
    let answer = &case["answer"];
    let recorded = match case["outcome"].as_str()? {
        "hung" => Outcome::Hung,
        "closed" => Outcome::Closed,
        _ if answer["body"].is_null() => {
            let mut seen = case["seen"].clone();
            if let Some(text) = seen["data"].as_str() {
                seen["data"] = text.bytes().map(char::from).collect::<String>().into();
            }
            Outcome::Seen(sorted(seen))
        }
        _ => Outcome::Answered(Answer {
            protocol: text(&answer["protocol"])?,
            status: answer["status"].as_u64()?.try_into().ok()?,
            phrase: text(&answer["reason"])?,
            headers: headers(&answer["headers"])?,
            body: bytes(&answer["body"])?,
        }),
    };
    Some(Case {
        name: case["name"].as_str()?.to_owned(),
        request: bytes(&case["request"])?,
        half_close: case["half_close"].as_bool()?,
        recorded,
    })
}

/// The headers of a recorded answer, those of the host last.
fn headers(recorded: &Value) -> Option<Vec<(String, String)>> {
    let headers = recorded.as_array()?.iter();
    let headers = headers.map(|header| Some((text(&header[0])?, text(&header[1])?)));
    let mut headers: Vec<_> = headers.collect::<Option<_>>()?;
    headers.sort_by_key(|(name, _)| match name.as_str() {
        "Content-Length" => 1,
        "Connection" => 2,
        _ => 0,
    });
    Some(headers)
}

/// The bytes that the characters of a recorded text stand for.
fn bytes(recorded: &Value) -> Option<Vec<u8>> {
    recorded.as_str()?.chars().map(|character| u8::try_from(character).ok()).collect()
}

fn text(recorded: &Value) -> Option<String> {
    String::from_utf8(bytes(recorded)?).ok()
}

fn not_found(answer: &mut Answer) {
    answer.status = 404;
    answer.phrase = "Not Found".to_owned();
    answer.body.clear();
    true_length(answer);
}

fn true_length(answer: &mut Answer) {
    answer.headers.retain(|(name, _)| name != "Content-Length");
    answer.headers.insert(0, ("Content-Length".to_owned(), answer.body.len().to_string()));
}

fn plain_text(answer: &mut Answer) {
    true_length(answer);
    let content_type = ("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned());
    answer.headers.insert(0, content_type);
}

fn drop_first_header(answer: &mut Answer) {
    answer.headers.remove(0);
}
