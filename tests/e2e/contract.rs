//! What picohttp promises its handlers and its clients, promise by promise, each kept by a
//! component behind a socket.

use std::io::Read;
use std::net::TcpListener;
use std::sync::Barrier;

use anyhow::Result;
use picohttp_host::{HttpServer, Request, Response, StartError};
use picohttp_tests::client::{Answer, Client, PATIENCE};
use picohttp_tests::guests::plugin;
use picohttp_tests::host::Host;
use picohttp_tests::shared::{BEHAVE, answer, seen, sent};
use serde_json::{Value, json};

#[test]
fn the_first_example_works() -> Result<()> {
    let host = Host::of(plugin("hello")?)?;
    assert_eq!(host.get("/hello")?.text(), "Hello world!");
    assert_eq!(host.get("/goodbye")?.text(), "Goodbye cruel world");
    assert_eq!(host.get("/anything")?.status, 404);
    Ok(())
}

#[test]
fn of_several_ports_the_first_free_one_is_used() -> Result<()> {
    // An address of this test's own: nobody else takes its ports.
    let taken = TcpListener::bind("127.0.0.2:0")?;
    let [first, any] = [taken.local_addr()?, "127.0.0.2:0".parse()?];
    let start = || HttpServer::new(do_nothing).address(first).address(any).start();

    let second = start()?;
    assert_ne!(second.address().port(), 0);
    assert_ne!(second.address(), first);
    second.stop(PATIENCE);

    drop(taken);
    let first_again = start()?;
    assert_eq!(first_again.address(), first);
    first_again.stop(PATIENCE);
    Ok(())
}

#[test]
fn a_server_without_a_free_port_does_not_start() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let started = HttpServer::new(do_nothing).address(taken.local_addr()?).start();
    let Err(StartError::Listen(error)) = started else { panic!("it listens") };
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    Ok(())
}

fn do_nothing(_: &Request<'_>, _: &mut Response) {}

#[test]
fn args_arrive_in_order() -> Result<()> {
    assert_eq!(seen("GET / HTTP/1.0\r\n\r\n")?["args"], json!(["first", "second"]));
    Ok(())
}

#[test]
fn requests_are_handled_at_once() -> Result<()> {
    let both = Barrier::new(2);
    let meet = move |_: &Request<'_>, _: &mut Response| {
        both.wait();
    };
    let host = Host::serve(HttpServer::new(meet))?;
    let mut one = Client::connect(host.address())?;
    one.send("GET / HTTP/1.0\r\n\r\n")?;
    assert_eq!(host.get("/")?.status, 200);
    assert_eq!(one.answer()?.status, 200);
    Ok(())
}

#[test]
fn a_method_is_any_word() -> Result<()> {
    for method in ["GET", "get", "BREW", "!#$%&'*+-.^_`|~", "(G\"E\"T)", "GÉT"] {
        assert_eq!(seen(format!("{method} / HTTP/1.0\r\n\r\n"))?["method"], method);
    }
    Ok(())
}

#[test]
fn a_protocol_is_as_sent_or_empty() -> Result<()> {
    for protocol in ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "http/1.1", "FOO/9", ""] {
        assert_eq!(seen(format!("GET / {protocol}\r\n\r\n"))?["protocol"], protocol);
    }
    assert_eq!(seen("GET /\r\n\r\n")?["protocol"], "");
    Ok(())
}

#[test]
fn a_path_is_split_and_not_decoded() -> Result<()> {
    for (target, path) in [
        ("/", json!([""])),
        ("//", json!([""])),
        ("/a/b/c", json!(["a", "b", "c"])),
        ("///a//b//", json!(["a", "", "b"])),
        ("a/b/", json!(["a", "b"])),
        ("/a%2Fb/%2e%2e/../c", json!(["a%2Fb", "%2e%2e", "..", "c"])),
        ("/a?b/c?d", json!(["a"])),
        ("?a", json!([""])),
        ("/grüße", json!(["grüße"])),
        ("*", json!(["*"])),
    ] {
        assert_eq!(seen(format!("GET {target} HTTP/1.0\r\n\r\n"))?["path"], path, "{target}");
    }
    Ok(())
}

#[test]
fn a_query_keeps_its_order_and_duplicates_and_is_not_decoded() -> Result<()> {
    for (target, query) in [
        ("/", json!([])),
        ("/?", json!([])),
        ("/?b=1&a=2&b=3", json!([["b", "1"], ["a", "2"], ["b", "3"]])),
        ("/?a&b=&=c", json!([["a", ""], ["b", ""], ["", "c"]])),
        ("/?a=b=c?d&e=/f/", json!([["a", "b=c?d"], ["e", "/f/"]])),
        ("/?a%3Db=c%26d+e", json!([["a%3Db", "c%26d+e"]])),
    ] {
        assert_eq!(seen(format!("GET {target} HTTP/1.0\r\n\r\n"))?["query"], query, "{target}");
    }
    Ok(())
}

#[test]
fn headers_keep_their_order_case_and_duplicates() -> Result<()> {
    let seen = seen(
        "GET / HTTP/1.0\r\nHost: a:80\r\nB:\t 1 \r\nb: 2\r\nX-b: :3\r\nflag\r\nempty:\r\nB: 1\r\n\r\n",
    )?;
    let expected = json!([
        ["Host", "a:80"],
        ["B", "1"],
        ["b", "2"],
        ["X-b", ":3"],
        ["flag", ""],
        ["empty", ""],
        ["B", "1"],
    ]);
    assert_eq!(seen["headers"], expected);
    Ok(())
}

#[test]
fn a_header_that_is_not_utf8_is_read_as_iso_8859_1() -> Result<()> {
    let seen = seen(b"GET / HTTP/1.0\r\nlatin: gr\xfc\xdfe\r\nutf8: gr\xc3\xbc\xc3\x9fe\r\n\r\n")?;
    assert_eq!(seen["headers"], json!([["latin", "grüße"], ["utf8", "grüße"]]));
    Ok(())
}

#[test]
fn data_is_the_bodys_bytes() -> Result<()> {
    let every_byte: Vec<u8> = (0..=255).collect();
    let request = [&b"PUT / HTTP/1.0\r\nCONTENT-LENGTH: 256\r\n\r\n"[..], &every_byte].concat();
    let data: String = every_byte.into_iter().map(char::from).collect();
    assert_eq!(seen(request)?["data"], data);
    Ok(())
}

#[test]
fn an_empty_body_is_not_the_same_as_none() -> Result<()> {
    assert_eq!(seen("GET / HTTP/1.0\r\nContent-Length: 0\r\n\r\n")?["data"], "");
    assert_eq!(seen("POST / HTTP/1.0\r\n\r\n")?["data"], Value::Null);
    Ok(())
}

#[test]
fn a_response_is_http_1_0_and_200_and_empty_unless_told_otherwise() -> Result<()> {
    assert_eq!(
        sent(&json!({}))?,
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let response = json!({"protocol": "FOO/9", "status": 418, "data": "short and stout"});
    let expected =
        "FOO/9 418 I'm a Teapot\r\nContent-Length: 15\r\nConnection: close\r\n\r\nshort and stout";
    assert_eq!(String::from_utf8(sent(&response)?)?, expected);
    Ok(())
}

#[test]
fn every_status_from_200_to_999_is_sent() -> Result<()> {
    for status in 200..=999 {
        assert_eq!(answer(&json!({"status": status}))?.status, status);
    }
    assert_eq!(answer(&json!({"status": 799}))?.phrase, "");
    Ok(())
}

#[test]
fn any_other_status_is_the_handlers_fault() -> Result<()> {
    for status in [0, 1, 99, 100, 101, 199, 1000, 65535] {
        assert_eq!(answer(&json!({"status": status, "data": "data"}))?.status, 502, "{status}");
    }
    Ok(())
}

#[test]
fn a_protocol_that_would_break_the_status_line_is_the_handlers_fault() -> Result<()> {
    for protocol in ["", " ", "HTTP/1.0 200 Forged", "A\r\nForged: 1\r\n", "A\tB", "A\0", "grün"] {
        check_unusable(&json!({"protocol": protocol, "data": "Forged"}))?;
    }
    Ok(())
}

#[test]
fn headers_are_sent_as_set() -> Result<()> {
    let headers =
        json!(
            [["Set-Cookie", "a=1"], ["x-lower", ""], ["Set-Cookie", "b=2"], ["X", "a: b, grün"],]
        );
    let sent = String::from_utf8(sent(&json!({"headers": headers}))?)?;
    let expected = "HTTP/1.0 200 OK\r\nSet-Cookie: a=1\r\nx-lower: \r\nSet-Cookie: b=2\r\nX: a: b, grün\r\n\
                    Content-Length: 0\r\nConnection: close\r\n\r\n";
    assert_eq!(sent, expected);
    Ok(())
}

#[test]
fn headers_that_frame_the_response_are_the_hosts() -> Result<()> {
    let headers = json!([
        ["Content-Length", "999"],
        ["content-length", "1"],
        ["Connection", "keep-alive"],
        ["CONNECTION", "upgrade"],
        ["Keep-Alive", "timeout=5"],
        ["Transfer-Encoding", "chunked"],
    ]);
    let sent = sent(&json!({"headers": headers, "data": "four"}))?;
    let expected = "HTTP/1.0 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfour";
    assert_eq!(String::from_utf8(sent)?, expected);
    Ok(())
}

#[test]
fn a_header_that_would_break_the_head_never_reaches_the_wire() -> Result<()> {
    for name in
        ["", " ", "A B", "A:", ": Forged", "A\r\nForged", "A\nForged", "A\0", "A\t", "\u{7f}"]
    {
        check_unusable(&json!({"headers": [[name, "Forged"]]}))?;
    }
    for value in
        ["\r\nForged: 1", "\nForged", "\rForged", "\0Forged", "Forged\r\n", "\r\n\r\nForged"]
    {
        check_unusable(&json!({"headers": [["A", value]]}))?;
        check_unusable(&json!({"headers": [["Content-Length", value]]}))?;
    }
    Ok(())
}

/// That a response which says "Forged" somewhere becomes a 502 which does not.
fn check_unusable(response: &Value) -> Result<()> {
    let sent = sent(response)?;
    assert_eq!(Answer::parse(&sent)?.status, 502, "{response}");
    assert!(!String::from_utf8_lossy(&sent).contains("Forged"), "{response}");
    Ok(())
}

#[test]
fn content_length_is_the_number_of_bytes() -> Result<()> {
    for data in ["", "a", "grüße", &"data".repeat(1 << 18)] {
        let answer = answer(&json!({"data": data}))?;
        assert_eq!(answer.header("Content-Length"), Some(&*data.len().to_string()));
        assert_eq!(answer.text(), data);
    }
    Ok(())
}

#[test]
fn an_error_is_a_500_with_its_text_and_nothing_else_of_the_response() -> Result<()> {
    for message in ["out of tea", "", "grün\nund zwei Zeilen", "<b>"] {
        let response =
            json!({"status": 201, "headers": [["X", "1"]], "data": "x", "error": message});
        let answer = answer(&response)?;
        assert_eq!((answer.status, answer.text()), (500, &*format!("{message}\n")));
        assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
        assert_eq!(answer.header("X"), None);
    }
    Ok(())
}

#[test]
fn a_panic_is_a_500_that_tells_nothing() -> Result<()> {
    let answer = answer(&json!({"headers": [["X", "secret"]], "panic": "secret"}))?;
    assert_eq!(answer.status, 500);
    let name = answer.text().strip_prefix("the handler failed (request ");
    let name = name.and_then(|rest| rest.strip_suffix(")\n")).unwrap_or_default();
    assert_eq!(name.len(), 16, "{:?}", answer.text());
    assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(answer.headers.len(), 3);
    Ok(())
}

#[test]
fn the_connection_is_closed_whatever_the_client_asks_for() -> Result<()> {
    for head in ["HTTP/1.0", "HTTP/1.0\r\nConnection: keep-alive", "HTTP/1.1\r\nHost: a"] {
        // To read one answer is to read until the host closes.
        let answer = BEHAVE.exchange(format!("GET /empty {head}\r\n\r\n"))?;
        assert_eq!(answer.header("Connection"), Some("close"), "{head}");
    }
    Ok(())
}

#[test]
fn the_end_comes_in_one_packet_with_the_last_bytes() -> Result<()> {
    let mut together = 0;
    for _ in 0..100 {
        let mut client = Client::connect(BEHAVE.address())?;
        client.send("GET /data/here HTTP/1.0\r\n\r\n")?;
        let mut answer = [0; 1024];
        let length = client.0.read(&mut answer)?;
        assert!(answer[..length].ends_with(b"here"));
        client.0.set_nonblocking(true)?;
        together += usize::from(client.0.read(&mut [0]).is_ok_and(|length| length == 0));
    }
    // The bytes wait for the end for 0.2 s at the most, and a thread may lose its processor between.
    assert!(together > 90, "{together}");
    Ok(())
}
