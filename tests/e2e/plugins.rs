//! The handlers in `plugins/`, each through the host.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Result, ensure};
use picohttp_host::{Directory, HttpServer, Request, Response, Route, Sandbox, Tenant};
use picohttp_tests::client::Answer;
use picohttp_tests::guests::plugin;
use picohttp_tests::host::{Host, load};
use serde_json::{Value, json};
use tempfile::TempDir;

#[test]
fn hello_greets() -> Result<()> {
    let host = Host::of(plugin("hello")?)?;
    let answer = host.get("/hello")?;
    assert_eq!((answer.status, answer.text()), (200, "Hello world!"));
    assert_eq!(host.get("/goodbye/for/ever")?.text(), "Goodbye cruel world");
    assert_eq!(host.get("/")?.status, 404);
    Ok(())
}

#[test]
fn echo_shows_everything() -> Result<()> {
    let args = ["one", "", "drei ä"];
    let server = HttpServer::new(load(plugin("echo")?, Sandbox::default())?).args(args);
    let host = Host::serve(server)?;
    let request = b"PURGE //a%20b/c/?x=1&&y&x=2=3?4 HTTP/1.1\r\nHost: h\r\nX-A:  b c \r\n\
        x-a: \xe9\r\nContent-Length: 3\r\n\r\na\xffb";
    let echo: Value = serde_json::from_slice(&host.exchange(request)?.body)?;
    let expected = json!({
        "method": "PURGE",
        "path": ["a%20b", "c"],
        "query": [["x", "1"], ["", ""], ["y", ""], ["x", "2=3?4"]],
        "protocol": "HTTP/1.1",
        "headers": [["Host", "h"], ["X-A", "b c"], ["x-a", "é"], ["Content-Length", "3"]],
        "data": {"bytes": [0x61, 0xff, 0x62]},
        "args": args,
    });
    assert_eq!(echo, expected);
    Ok(())
}

#[test]
fn greet_takes_its_arguments() -> Result<()> {
    let greet = plugin("greet")?;
    let greeting = |args: &[&str]| {
        let server = |server: HttpServer| server.args(args.iter().copied());
        Host::with(&greet, Sandbox::default(), server)?.get("/Ada%20L.")
    };
    let answer = greeting(&["Good {}!", "2"])?;
    assert_eq!((answer.status, answer.text()), (200, "Good Ada L.!\nGood Ada L.!\n"));
    for (args, told) in [
        (&["Hi"][..], "argument 2 is missing"),
        (&["Hi, {}", "often"], "argument 2 (\"often\"): invalid digit"),
        (&["Hi, {}", "2", "3"], "argument 3 (\"3\") is one too many"),
        (&["Hi", "2"], "the greeting has no {} for the name"),
    ] {
        let answer = greeting(args)?;
        ensure!(answer.status == 500 && answer.text().starts_with(told), "{answer:?}");
    }
    Ok(())
}

/// A folder to serve, within another that is not.
fn site() -> Result<TempDir> {
    let top = tempfile::tempdir()?;
    let site = top.path().join("site");
    fs::create_dir_all(site.join("docs/empty"))?;
    fs::write(site.join("index.html"), "<p>home")?;
    fs::write(site.join("docs/index.html"), "<p>docs")?;
    fs::write(site.join("style.css"), "p {}")?;
    fs::write(site.join("data.json"), "{}")?;
    fs::write(site.join("unknown"), "?")?;
    fs::write(site.join("a b.txt"), "space")?;
    fs::write(site.join(".hidden"), "hidden")?;
    fs::write(top.path().join("secret"), "secret")?;
    symlink("style.css", site.join("within"))?;
    symlink("../secret", site.join("relative"))?;
    symlink(top.path().join("secret"), site.join("absolute"))?;
    symlink("..", site.join("up"))?;
    ensure!(Command::new("mkfifo").arg(site.join("fifo")).status()?.success());
    Ok(top)
}

/// The same sandbox, with the site in it.
fn with_site(top: &TempDir, sandbox: Sandbox) -> Sandbox {
    let site = top.path().join("site");
    let directories = vec![Directory { host: site, guest: "/".to_owned(), writable: false }];
    Sandbox { directories, ..sandbox }
}

fn serve(top: &TempDir, sandbox: Sandbox) -> Result<Host> {
    Host::with(plugin("static")?, with_site(top, sandbox), |server| server)
}

fn ask(host: &Host, method: &str, target: &str, header: &str) -> Result<Answer> {
    host.exchange(format!("{method} {target} HTTP/1.0\r\n{header}\r\n"))
}

#[test]
fn static_serves_files_with_their_types() -> Result<()> {
    let top = site()?;
    let host = serve(&top, Sandbox::default())?;
    for (target, content_type, text) in [
        ("/", "text/html; charset=utf-8", "<p>home"),
        ("/index.html?query", "text/html; charset=utf-8", "<p>home"),
        ("/docs", "text/html; charset=utf-8", "<p>docs"),
        ("/docs/", "text/html; charset=utf-8", "<p>docs"),
        ("/style.css", "text/css; charset=utf-8", "p {}"),
        ("/data.json", "application/json", "{}"),
        ("/unknown", "application/octet-stream", "?"),
        ("/a%20b.txt", "text/plain; charset=utf-8", "space"),
        ("/within", "application/octet-stream", "p {}"),
    ] {
        let answer = host.get(target)?;
        assert_eq!((answer.status, answer.text()), (200, text), "{target}");
        assert_eq!(answer.header("Content-Type"), Some(content_type), "{target}");
    }
    Ok(())
}

#[test]
fn static_leaves_the_rest_alone() -> Result<()> {
    let top = site()?;
    let timeout = Duration::from_secs(5);
    let host = serve(&top, Sandbox { timeout, ..Sandbox::default() })?;
    for target in [
        "/missing",
        "/.hidden",
        "/docs/empty",
        "/style.css/",
        "/style.css/x",
        "/docs//index.html",
        "/fifo",
        "/relative",
        "/absolute",
        "/up/secret",
        "/../secret",
        "/docs/../../secret",
        "/%2e%2e/secret",
        "/.%2E/secret",
        "/%252e%252e/secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/..%5csecret",
        "/docs%5c..%5c..%5csecret",
        "//../secret",
        "/%2Fetc%2Fpasswd",
        "//etc/passwd",
        "/style.css%00",
        "/%00",
        "/docs%2Findex.html",
        "/a+b.txt",
        "/%ff",
        "/%",
        "/..;/secret",
        "/\u{2025}/secret",
    ] {
        let answer = host.get(target)?;
        let slash = target == "/style.css/";
        assert_eq!(answer.status, if slash { 200 } else { 404 }, "{target}: {answer:?}");
        assert!(slash || answer.body.is_empty(), "{target}: {answer:?}");
    }
    Ok(())
}

#[test]
fn static_serves_nothing_that_another_route_is_for() -> Result<()> {
    let guard = |_: &Request<'_>, response: &mut Response| response.status = 403;
    let top = site()?;
    let site = load(plugin("static")?, with_site(&top, Sandbox::default()))?;
    let routes = [Route::new("/docs/...", guard), Route::new("/...", site)];
    let tenant = routes.into_iter().fold(Tenant::new("a"), Tenant::route);
    let host = Host::serve(HttpServer::of_tenants([tenant]))?;
    for target in ["/docs", "//%64ocs/", "http://x/docs", "/http://x/docs/", "///HTTP://x//docs"] {
        assert_eq!(host.get(target)?.status, 403, "{target}");
    }
    for target in ["/http:///docs", "/http:/x/docs", "/ftp://x/docs", "/http:%2F/x/docs"] {
        assert_eq!(host.get(target)?.status, 404, "{target}");
    }
    assert_eq!(host.get("http://x/style.css")?.text(), "p {}");
    Ok(())
}

#[test]
fn static_knows_two_methods() -> Result<()> {
    let top = site()?;
    let host = serve(&top, Sandbox::default())?;
    let head = ask(&host, "HEAD", "/style.css", "")?;
    assert_eq!((head.status, head.header("Content-Length")), (200, Some("4")));
    assert_eq!(head.header("Content-Type"), Some("text/css; charset=utf-8"));
    assert!(head.body.is_empty());
    for method in ["POST", "PUT", "DELETE", "get"] {
        assert_eq!(ask(&host, method, "/style.css", "")?.status, 501, "{method}");
    }
    Ok(())
}

#[test]
fn static_does_not_send_what_the_client_has() -> Result<()> {
    let top = site()?;
    let host = serve(&top, Sandbox::default())?;
    let first = host.get("/style.css")?;
    let etag = first.header("ETag").expect("no ETag").to_owned();
    let modified = first.header("Last-Modified").expect("no Last-Modified").to_owned();
    for (header, status) in [
        (format!("If-None-Match: {etag}\r\n"), 304),
        (format!("If-None-Match: \"x\", W/{etag}\r\n"), 304),
        ("If-None-Match: \"x\"\r\n".to_owned(), 200),
        (format!("If-Modified-Since: {modified}\r\n"), 304),
        ("If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT\r\n".to_owned(), 200),
        (format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {modified}\r\n"), 200),
    ] {
        let answer = ask(&host, "GET", "/style.css", &header)?;
        assert_eq!(answer.status, status, "{header}");
        assert_eq!(answer.body.is_empty(), status == 304, "{header}");
        assert_eq!(answer.header("ETag"), Some(&*etag), "{header}");
    }
    fs::write(top.path().join("site/style.css"), "p { color: red }")?;
    let changed = ask(&host, "GET", "/style.css", &format!("If-None-Match: {etag}\r\n"))?;
    assert_eq!((changed.status, changed.text()), (200, "p { color: red }"));
    Ok(())
}

#[test]
fn static_sends_large_files_whole_or_not_at_all() -> Result<()> {
    let top = site()?;
    let large: Vec<u8> =
        (0..5u32 << 18).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(top.path().join("site/large"), &large)?;
    File::create(top.path().join("site/larger"))?.set_len((6 << 20) + 1)?;
    File::create(top.path().join("site/huge"))?.set_len(1 << 40)?;
    let host = serve(&top, Sandbox { max_response: 6 << 20, ..Sandbox::default() })?;
    let answer = host.get("/large")?;
    ensure!(answer.status == 200 && answer.body == large, "{} bytes", answer.body.len());
    assert_eq!(host.get("/larger")?.status, 502);
    let huge = host.get("/huge")?;
    ensure!(huge.status == 500 && huge.text().contains("1099511627776 bytes"), "{huge:?}");
    assert_eq!(host.get("/unknown")?.status, 200);
    Ok(())
}

#[test]
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
fn static_dates_no_file_beyond_what_a_date_can_say() -> Result<()> {
    // Few file systems have such dates; one in memory does.
    let Ok(site) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("SKIPPED: there is no /dev/shm");
        return Ok(());
    };
    let path = site.path().join("late");
    fs::write(&path, "late")?;
    let year_12000 = UNIX_EPOCH + Duration::from_secs(316_516_377_600);
    File::options().write(true).open(&path)?.set_modified(year_12000)?;
    let host = site.path().to_owned();
    let directories = vec![Directory { host, guest: "/".to_owned(), writable: false }];
    let sandbox = Sandbox { directories, ..Sandbox::default() };
    let host = Host::with(plugin("static")?, sandbox, |server| server)?;
    let answer = host.get("/late")?;
    let modified = answer.header("Last-Modified");
    assert_eq!((answer.status, modified), (200, Some("Fri, 31 Dec 9999 23:59:59 GMT")));
    Ok(())
}
