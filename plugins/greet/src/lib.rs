//! Greets whoever the path or the query names: `/Ada` or `/?name=Ada`.
//!
//! The operator says how, with two arguments: `--arg 'Hello, {}!' --arg 3`.

use picohttp::{Request, Response, handler};

#[handler]
fn greet(
    request: &Request,
    response: &mut Response,
    greeting: String,
    times: usize,
) -> Result<(), &'static str> {
    let (before, after) = greeting.split_once("{}").ok_or("the greeting has no {} for the name")?;
    match request.query("name").or(request.segment(0)) {
        Some(name) if !name.is_empty() => {
            let line = format!("{before}{name}{after}\n");
            response.set_text(line.repeat(times));
        }
        _ => response.status = 404,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use picohttp::testing;

    #[test]
    fn greets_as_often_as_told() {
        let response = testing::get("/Ada").arg("Hi, {}!").arg("2").call(greet);
        assert_eq!(response.text(), Ok("Hi, Ada!\nHi, Ada!\n"));
    }

    #[test]
    fn names_are_decoded() {
        for target in ["/Ada%20Lovelace", "/?name=Ada+Lovelace", "/x?name=Ada%20Lovelace"] {
            let response = testing::get(target).arg("{}").arg("1").call(greet);
            assert_eq!(response.text(), Ok("Ada Lovelace\n"), "{target}");
        }
    }

    #[test]
    fn nobody_is_not_found() {
        let response = testing::get("/").arg("{}").arg("1").call(greet);
        assert_eq!(response.status, 404);
    }

    #[test]
    fn a_greeting_needs_a_place_for_the_name() {
        let response = testing::get("/Ada").arg("Hi!").arg("1").call(greet);
        assert_eq!(response.status, 500);
        assert_eq!(response.text(), Ok("the greeting has no {} for the name\n"));
    }

    #[test]
    fn arguments_are_checked() {
        let response = testing::get("/Ada").arg("Hi, {}!").arg("often").call(greet);
        assert_eq!(response.status, 500);
        assert_eq!(
            response.text(),
            Ok("argument 2 (\"often\"): invalid digit found in string; expected usize\n")
        );
    }
}
