//! Serves the files of the folder that the operator granted as `/`.
//!
//! A folder is answered with its `index.html`. What the sandbox keeps from us,
//! such as the target of a link out of the folder, is not found, nor is what begins with a
//! dot, such as `.env` and `.git`; but `.well-known` is for everybody (RFC 8615).

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;
use picohttp::{Request, Response, handler};

#[cfg(test)]
mod tests;

#[handler]
fn static_files(request: &Request, response: &mut Response) -> Result<(), String> {
    serve(Path::new("/"), request, response)
}

fn serve(root: &Path, request: &Request, response: &mut Response) -> Result<(), String> {
    response.status = match request.method.as_str() {
        "GET" | "HEAD" => send_file(root, request, response)?,
        _ => 501,
    };
    Ok(())
}

/// Fills in a response and returns its status. Fails if the file is too large.
fn send_file(root: &Path, request: &Request, response: &mut Response) -> Result<u16, String> {
    let Some((path, metadata)) = locate(root, request) else { return Ok(404) };
    let Some(version) = Version::new(&metadata) else { return Ok(404) };
    let status = if !version.is_wanted(request) {
        return Ok(412);
    } else if version.is_known(request) {
        304
    } else {
        response.data = match fs::read(&path) {
            Ok(data) => data,
            Err(error) if error.kind() == ErrorKind::OutOfMemory => {
                let (path, length) = (path.display(), metadata.len());
                return Err(format!("{path} has {length} bytes, and there is no memory for them"));
            }
            Err(_) => return Ok(404),
        };
        response.set_header("Content-Type", content_type(&path));
        200
    };
    response.set_header("ETag", version.etag);
    response.set_header("Last-Modified", version.modified.to_string());
    Ok(status)
}

/// Finds the file that was asked for.
///
/// Segments are decoded after the path was split, so each has to be checked to
/// be one name still.
fn locate(root: &Path, request: &Request) -> Option<(PathBuf, Metadata)> {
    let mut path = root.to_owned();
    let before = origin_length(&request.path);
    let asked = request.path.get(before..)?;
    if !asked.is_empty() && *asked != [""] {
        for name in request.segments().skip(before) {
            let is_hidden = name.starts_with('.') && name != ".well-known";
            if name.is_empty() || is_hidden || name.contains(['/', '\\', '\0']) {
                return None;
            }
            path.push(&*name);
        }
    }
    let mut metadata = fs::metadata(&path).ok()?;
    if metadata.is_dir() {
        path.push("index.html");
        metadata = fs::metadata(&path).ok()?;
    }
    metadata.is_file().then_some((path, metadata))
}

/// How many segments of a path are a scheme and a host, as a client says to a proxy
/// (RFC 9112 section 3.2.2: a server has to take it, too).
fn origin_length(path: &[String]) -> usize {
    let is_scheme = |word: &str| ["http:", "https:"].iter().any(|it| word.eq_ignore_ascii_case(it));
    match path {
        [scheme, empty, host, ..] if is_scheme(scheme) && empty.is_empty() && !host.is_empty() => 3,
        _ => 0,
    }
}

fn content_type(path: &Path) -> String {
    match mime_guess::from_path(path).first_raw() {
        Some(text) if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        Some(other) => other.to_owned(),
        None => "application/octet-stream".to_owned(),
    }
}

/// The last second of the year 9999, since 1970: later ones are no dates of HTTP.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

/// What tells one state of a file from another.
struct Version {
    etag: String,
    modified: HttpDate,
}

impl Version {
    fn new(metadata: &Metadata) -> Option<Self> {
        let age = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(Version {
            etag: format!("\"{:x}-{:x}\"", age.as_nanos(), metadata.len()),
            modified: (UNIX_EPOCH + age.min(LATEST)).into(),
        })
    }

    /// Returns true if and only if the client has this version, as in section
    /// 13.2.2 of RFC 9110: a date counts only where there is no `If-None-Match`.
    fn is_known(&self, request: &Request) -> bool {
        let is_this = |etag: &str| etag.strip_prefix("W/").unwrap_or(etag) == self.etag;
        any_etag(request, "If-None-Match", is_this).unwrap_or_else(|| {
            date(request, "If-Modified-Since").is_some_and(|date| self.modified <= date)
        })
    }

    /// Returns true unless the client wants another version and no other, as there again.
    fn is_wanted(&self, request: &Request) -> bool {
        any_etag(request, "If-Match", |etag| etag == self.etag).unwrap_or_else(|| {
            date(request, "If-Unmodified-Since").is_none_or(|date| self.modified <= date)
        })
    }
}

/// Whether an etag of a header is one that `is_this`, if there is such a header.
fn any_etag(request: &Request, name: &str, is_this: impl Fn(&str) -> bool) -> Option<bool> {
    request.header(name)?;
    let mut etags = request.header_values(name).flat_map(|list| list.split(',')).map(str::trim);
    Some(etags.any(|etag| etag == "*" || is_this(etag)))
}

/// The date of a header, if it has a good one.
fn date(request: &Request, name: &str) -> Option<HttpDate> {
    request.header(name)?.parse().ok()
}
