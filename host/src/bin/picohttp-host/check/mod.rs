//! Says what is wrong, with a handler or with a configuration, and what is there.

mod configuration;
mod handler;
mod imports;

use std::fmt::Display;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use crate::cli::{Check, ReportFormat};
use crate::{print, say};

/// Checks a handler, or a configuration, as if it were served.
pub fn check(options: &Check) -> Result<ExitCode> {
    match (&options.config, &options.handler) {
        (Some(file), _) => report(options.format, configuration::check(file, options)?),
        (None, Some(handler)) => report(options.format, handler::check(handler, options)?),
        (None, None) => Ok(ExitCode::SUCCESS),
    }
}

/// What was found: something that is right, or all that is wrong.
type Findings<T> = Result<T, Vec<Problem>>;

/// One thing that is wrong: as much as is known of where, and what.
#[derive(Debug, Default, Serialize)]
struct Problem {
    #[serde(flatten)]
    place: Place,
    message: String,
    /// All of it as one line.
    #[serde(skip)]
    line: String,
}

/// Where something is wrong.
#[derive(Debug, Default, Serialize)]
struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<String>,
}

/// A report as JSON.
#[derive(Serialize)]
struct Json<'a, T> {
    ok: bool,
    #[serde(flatten)]
    found: Option<&'a T>,
    errors: &'a [Problem],
}

fn report<T: Display + Serialize>(format: ReportFormat, findings: Findings<T>) -> Result<ExitCode> {
    let (found, errors) = match &findings {
        Ok(found) => (Some(found), &[][..]),
        Err(errors) => (None, errors.as_slice()),
    };
    let text = match format {
        ReportFormat::Json => {
            let report = Json { ok: found.is_some(), found, errors };
            format!("{}\n", serde_json::to_string_pretty(&report)?)
        }
        ReportFormat::Text => {
            for error in errors {
                say(&error.line);
            }
            match errors.len() {
                0 => {}
                1 => say("1 error"),
                count => say(&format!("{count} errors")),
            }
            found.map(T::to_string).unwrap_or_default()
        }
    };
    print(text.as_bytes())?;
    Ok(if findings.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
