//! What the servers are asked. To add a workload: a line here, its answer in
//! `handler/src/logic.rs` and in `peers/`, and the names of the servers that cannot do it
//! in `servers.rs`.

use crate::servers::Connection;

#[path = "handler/src/logic.rs"]
mod logic;

/// One kind of request, to `/NAME`.
pub struct Workload {
    pub name: &'static str,
    pub about: &'static str,
    pub method: &'static str,
    /// How many bytes of `x` are sent.
    pub body: usize,
    /// How many hosts are asked in turn, each with a handler of its own: t0, t1 and so on.
    /// With none, it is the server's address.
    pub hosts: u32,
}

pub const WORKLOADS: &[Workload] = &[
    Workload { name: "hello", about: "a reply of 12 bytes", method: "GET", body: 0, hosts: 0 },
    Workload { name: "10k", about: "a reply of 10 KiB", method: "GET", body: 0, hosts: 0 },
    Workload {
        name: "echo",
        about: "100 KiB posted and sent back",
        method: "POST",
        body: 100 << 10,
        hosts: 0,
    },
    Workload {
        name: "cpu",
        about: "about 1 ms of integer work (in native code)",
        method: "GET",
        body: 0,
        hosts: 0,
    },
    Workload {
        name: "mix",
        about: "200 different handlers in one process, asked in turn",
        method: "GET",
        body: 0,
        hosts: 200,
    },
];

impl Workload {
    pub fn request_body(&self) -> Vec<u8> {
        vec![b'x'; self.body]
    }

    /// The request with this number, as the load sends it.
    pub fn request(&self, connection: Connection, number: u32) -> Vec<u8> {
        let Workload { name, method, body, hosts, .. } = self;
        let host = match number.checked_rem(*hosts) {
            Some(host) => format!("t{host}"),
            None => "127.0.0.1".to_owned(),
        };
        let mut request = format!("{method} /{name} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
        if connection == Connection::Close {
            request.extend(b"Connection: close\r\n");
        }
        if *body > 0 {
            request.extend(format!("Content-Length: {body}\r\n").into_bytes());
        }
        request.extend(b"\r\n");
        request.extend(self.request_body());
        request
    }

    /// The body of every right answer.
    pub fn answer(&self) -> Vec<u8> {
        logic::answer(self.name, &self.request_body()).unwrap_or_default()
    }
}
