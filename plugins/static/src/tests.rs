//! Files on disk in, responses out.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::time::{Duration, UNIX_EPOCH};

use picohttp::testing::{self, TestRequest};
use tempfile::TempDir;

use super::*;

/// A folder with a few files, all of them changed at 1000000000.5 seconds.
fn site() -> TempDir {
    let site = tempfile::tempdir().unwrap();
    fs::create_dir(site.path().join("docs")).unwrap();
    for folder in ["empty", ".git", ".well-known"] {
        fs::create_dir(site.path().join(folder)).unwrap();
    }
    for (name, text) in [
        ("index.html", "<p>home"),
        ("docs/index.html", "<p>docs"),
        ("a b+c.txt", "spaced"),
        ("data", "\u{1}"),
        ("image.SVG", "<svg/>"),
        (".env", "SECRET"),
        (".git/config", "[core]"),
        (".well-known/security.txt", "mail"),
    ] {
        let path = site.path().join(name);
        fs::write(&path, text).unwrap();
        let time = UNIX_EPOCH + Duration::from_millis(1_000_000_000_500);
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(time).unwrap();
    }
    site
}

fn send(request: TestRequest) -> Response {
    let site = site();
    request.call(|request: &Request, response: &mut Response| serve(site.path(), request, response))
}

fn check_text(target: &str, content_type: &str, text: &str) {
    let response = send(testing::get(target));
    assert_eq!(response.status, 200, "{target}");
    assert_eq!(response.header("Content-Type"), Some(content_type), "{target}");
    assert_eq!(response.text(), Ok(text), "{target}");
}

fn check_status(request: TestRequest, status: u16) {
    let response = send(request.clone());
    assert_eq!(response.status, status, "{request:?}");
    assert_eq!(response.text(), Ok(""), "{request:?}");
}

#[test]
fn files_have_their_type() {
    check_text("/a%20b+c.txt", "text/plain; charset=utf-8", "spaced");
    check_text("/image.SVG", "image/svg+xml", "<svg/>");
    check_text("/data?query", "application/octet-stream", "\u{1}");
}

#[test]
fn a_target_may_name_its_origin() {
    check_text("http://example.com/a%20b+c.txt", "text/plain; charset=utf-8", "spaced");
    check_text("HTTPS://example.com/", "text/html; charset=utf-8", "<p>home");
    check_text("http://example.com", "text/html; charset=utf-8", "<p>home");
    check_status(testing::get("http://example.com/missing"), 404);
    check_status(testing::get("http:///a%20b+c.txt"), 404);
}

#[test]
fn folders_have_an_index() {
    check_text("/", "text/html; charset=utf-8", "<p>home");
    check_text("/docs", "text/html; charset=utf-8", "<p>docs");
    check_text("/docs/", "text/html; charset=utf-8", "<p>docs");
    check_status(testing::get("/empty"), 404);
}

#[test]
fn only_names_lead_to_files() {
    for target in [
        "/missing",
        "/data/x",
        "/docs//index.html",
        "/docs/../data",
        "/docs/%2e%2E/data",
        "/./data",
        "/docs%2Findex.html",
        "/docs%5Cindex.html",
        "/data%00",
        "/%00",
        "/%FF",
    ] {
        check_status(testing::get(target), 404);
    }
}

#[test]
fn what_begins_with_a_dot_is_hidden_but_for_what_is_known() {
    for target in ["/.env", "/%2eenv", "/.git/config", "/docs/.env", "/.well-known/.env"] {
        check_status(testing::get(target), 404);
    }
    check_text("/.well-known/security.txt", "text/plain; charset=utf-8", "mail");
}

#[test]
fn links_that_lead_nowhere_are_not_found() {
    let site = site();
    symlink("/nowhere", site.path().join("link")).unwrap();
    let response = testing::get("/link")
        .call(|request: &Request, response: &mut Response| serve(site.path(), request, response));
    assert_eq!(response.status, 404);
}

#[test]
fn head_is_get_and_nothing_else_is_served() {
    let head = send(testing::request("HEAD", "/data"));
    assert_eq!(head, send(testing::get("/data")));
    check_status(testing::post("/data", "x"), 501);
    check_status(testing::request("get", "/data"), 501);
}

#[test]
fn versions_are_told() {
    let response = send(testing::get("/data"));
    assert_eq!(response.header("Last-Modified"), Some("Sun, 09 Sep 2001 01:46:40 GMT"));
    assert_eq!(response.header("ETag"), Some("\"de0b6b3c5316500-1\""));
}

#[test]
fn known_versions_are_not_sent_again() {
    let etag = send(testing::get("/data")).header("ETag").unwrap().to_owned();
    for known in [&etag, &format!("\"other\", W/{etag}"), "*"] {
        check_status(testing::get("/data").header("if-none-match", known), 304);
    }
    for date in ["Sun, 09 Sep 2001 01:46:40 GMT", "Sun, 09 Sep 2001 01:46:41 GMT"] {
        check_status(testing::get("/data").header("If-Modified-Since", date), 304);
    }
}

#[test]
fn other_versions_are_sent() {
    let date = "Sun, 09 Sep 2001 01:46:40 GMT";
    for request in [
        testing::get("/data").header("If-None-Match", "\"other\""),
        testing::get("/data")
            .header("If-None-Match", "\"other\"")
            .header("If-Modified-Since", date),
        testing::get("/data").header("If-Modified-Since", "Sun, 09 Sep 2001 01:46:39 GMT"),
        testing::get("/data").header("If-Modified-Since", "yesterday"),
    ] {
        assert_eq!(send(request).status, 200);
    }
}

#[test]
fn a_version_that_the_client_does_not_want_is_not_sent() {
    let etag = send(testing::get("/data")).header("ETag").unwrap().to_owned();
    let before = "Sun, 09 Sep 2001 01:46:39 GMT";
    for (name, value, status) in [
        ("If-Match", etag.as_str(), 200),
        ("If-Match", "\"other\", *", 200),
        ("If-Match", "\"other\"", 412),
        // A weak etag is not the same to the last byte.
        ("If-Match", &format!("W/{etag}"), 412),
        ("If-Unmodified-Since", "Sun, 09 Sep 2001 01:46:40 GMT", 200),
        ("If-Unmodified-Since", before, 412),
        ("If-Unmodified-Since", "yesterday", 200),
    ] {
        let response = send(testing::get("/data").header(name, value));
        assert_eq!(response.status, status, "{name}: {value}");
        assert_eq!(response.text().is_ok_and(str::is_empty), status == 412);
    }
    let both = testing::get("/data").header("If-Match", &etag);
    assert_eq!(send(both.header("If-Unmodified-Since", before)).status, 200);
}
