//! Tries everything that leads out of a sandbox, and answers with what it got, as JSON.

use std::io::{Read, stdin};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::{env, fs};

use picohttp::{Request, Response, handler};
use serde_json::json;

#[handler]
fn reach_out(request: &Request, response: &mut Response) {
    let mut input = Vec::new();
    let read = stdin().read_to_end(&mut input);
    let names = |path| {
        fs::read_dir(path).map(|entries| {
            entries.flatten().map(|entry| entry.file_name().display().to_string()).collect()
        })
    };
    let got = json!({
        "args": env::args().collect::<Vec<_>>(),
        "variables": env::vars().collect::<Vec<_>>(),
        "input": told(read.map(|_| input)),
        "root": told::<Vec<String>>(names("/")),
        "folder": told::<Vec<String>>(names(".")),
        "file": told(fs::read_to_string("/etc/passwd")),
        "create": told(fs::write("/tmp/out", "x")),
        "link": told(fs::read_link("/proc/self/exe").map(|_| ())),
        "connect": told(TcpStream::connect(("127.0.0.1", port(request))).map(|_| ())),
        "listen": told(TcpListener::bind("127.0.0.1:0").map(|_| ())),
        "datagram": told(UdpSocket::bind("127.0.0.1:0").map(|_| ())),
        "resolve": told("localhost:80".to_socket_addrs().map(|_| ())),
    });
    response.data = got.to_string().into();
}

/// A port at which somebody listens.
fn port(request: &Request) -> u16 {
    request.path[0].parse().unwrap_or_default()
}

/// What was got, or `null` where it was refused.
fn told<T>(result: std::io::Result<T>) -> Option<T> {
    result.ok()
}
