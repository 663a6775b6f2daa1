//! Answers with what it was granted by its configuration: its arguments, and the
//! environment variable GRANTED.

use picohttp::{Request, Response, handler};

#[handler]
fn granted(_request: &Request, response: &mut Response, args: Vec<String>) {
    let variable = std::env::var("GRANTED").unwrap_or_default();
    response.set_text(format!("{} {variable}", args.join(" ")));
}
