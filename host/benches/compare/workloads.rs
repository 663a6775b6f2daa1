//! What the servers are asked. To add a workload: a line here, its answer in
//! `handler/src/logic.rs` and in `peers/`, and the names of the servers that cannot do it
//! in `servers.rs`.

#[path = "handler/src/logic.rs"]
mod logic;

/// One kind of request, to `/NAME`.
pub struct Workload {
    pub name: &'static str,
    pub about: &'static str,
    pub method: &'static str,
    /// How many bytes of `x` are sent.
    pub body: usize,
}

pub const WORKLOADS: &[Workload] = &[
    Workload { name: "hello", about: "a reply of 12 bytes", method: "GET", body: 0 },
    Workload { name: "10k", about: "a reply of 10 KiB", method: "GET", body: 0 },
    Workload {
        name: "echo",
        about: "100 KiB posted and sent back",
        method: "POST",
        body: 100 << 10,
    },
    Workload {
        name: "cpu",
        about: "about 1 ms of integer work (in native code)",
        method: "GET",
        body: 0,
    },
];

/// What ought to be here and is not, and why.
pub const LEFT_OUT: &[&str] = &[
    "left out: a mix of 200 different handlers, since picohttp-host serves one handler a process",
];

impl Workload {
    pub fn request_body(&self) -> Vec<u8> {
        vec![b'x'; self.body]
    }

    /// The body of every right answer.
    pub fn answer(&self) -> Vec<u8> {
        logic::answer(self.name, &self.request_body()).unwrap_or_default()
    }
}
