//! Healthy clients: wrk with one thread, each of whose connections asks again as soon as it
//! is answered; or the same clients at a [`pace`](crate::pace) of their own.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use picohttp_tests::wrk::Counted;
use tempfile::TempDir;

use crate::pace::{Latency, Pace};
use crate::process::Process;
use crate::stage::Stage;

/// How many connections healthy clients have, unless that is what is measured.
const CONNECTIONS: usize = 32;

/// Who asks for what, and how.
#[derive(Clone, Copy)]
pub struct Healthy<'a> {
    pub target: &'a str,
    pub connections: usize,
    /// Whether connections persist; otherwise each request has one of its own.
    pub keep_alive: bool,
    /// How many hosts are asked in turn: t0, t1 and so on. With none, it is the server's
    /// address.
    pub hosts: usize,
}

/// What wrk counted.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub per_second: f64,
    /// Milliseconds that 99 % of the answers took at most.
    pub p99: f64,
    /// Answers with an error's status, and connections that broke or took too long.
    pub errors: f64,
    pub requests: f64,
}

/// wrk while it asks.
pub struct Load {
    wrk: Process,
    _folder: TempDir,
}

impl<'a> Healthy<'a> {
    /// With a connection for each request, as the server has it by default.
    pub fn asking(target: &'a str) -> Healthy<'a> {
        Healthy { target, connections: CONNECTIONS, keep_alive: false, hosts: 0 }
    }

    pub fn start(&self, stage: &Stage, server: SocketAddr) -> Result<Load> {
        let folder = stage.new_folder()?;
        let mut command = Command::new("wrk");
        // It is stopped in time, and ends by itself if it is not.
        command.args(["-t1", &format!("-c{}", self.connections), "--timeout=10s", "-d300s"]);
        command.arg("-s").arg(Stage::script()).arg(format!("http://{server}{}", self.target));
        command.args(["--", "GET", "0", if self.keep_alive { "keep-alive" } else { "close" }]);
        if self.hosts > 0 {
            command.arg(self.hosts.to_string());
        }
        Ok(Load { wrk: Process::start(command, folder.path())?, _folder: folder })
    }

    pub fn drive(&self, stage: &Stage, server: SocketAddr, time: Duration) -> Result<Measured> {
        let load = self.start(stage, server)?;
        stage.interrupt.sleep(time)?;
        load.finish(stage)
    }

    /// Asks so many times a second, and not as soon as there are answers.
    pub fn at_pace(
        &self,
        stage: &Stage,
        server: SocketAddr,
        per_second: f64,
        duration: Duration,
    ) -> Result<Latency> {
        let Healthy { connections, keep_alive, .. } = *self;
        let request = |number| self.request(server, number);
        Pace { server, connections, keep_alive, per_second, duration, request: &request }
            .offer(&stage.interrupt)
    }

    fn request(&self, server: SocketAddr, number: u32) -> Vec<u8> {
        let host = match (number as usize).checked_rem(self.hosts) {
            Some(host) => format!("t{host}"),
            None => server.to_string(),
        };
        let connection = if self.keep_alive { "keep-alive" } else { "close" };
        let target = self.target;
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n\r\n")
            .into_bytes()
    }
}

impl Load {
    pub fn process(&self) -> &Process {
        &self.wrk
    }

    /// Ends it and tells what it counted.
    pub fn finish(mut self, stage: &Stage) -> Result<Measured> {
        self.wrk.check_alive().context("wrk")?;
        self.wrk.stop(&stage.interrupt).context("wrk")?;
        let Counted { requests, seconds, p99, errors, .. } = Counted::parse(&self.wrk.output()?)?;
        Ok(Measured { per_second: requests / seconds.max(1e-6), p99, errors, requests })
    }
}
