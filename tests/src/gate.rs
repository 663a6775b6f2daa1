//! A handler that runs for as long as a test wants it to.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};

use anyhow::Result;
use picohttp_host::{Handler, Request, Response};

use crate::client::{Client, PATIENCE};

/// A handler that tells which requests it was called for, and keeps each until it is
/// told to let one go.
pub struct Gate {
    pub entered: Receiver<String>,
    release: Sender<()>,
}

impl Gate {
    pub fn new() -> (Gate, impl Handler) {
        let (enter, entered) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let released = Mutex::new(released);
        let handler = move |request: &Request<'_>, _: &mut Response| {
            enter.send(request.path[0].to_owned()).expect("the test listens");
            released.lock().expect("no panic").recv_timeout(PATIENCE)
        };
        (Gate { entered, release }, handler)
    }

    /// Waits until the handler is called, and says for what.
    pub fn next(&self) -> Result<String> {
        Ok(self.entered.recv_timeout(PATIENCE)?)
    }

    pub fn let_go(&self, count: usize) -> Result<()> {
        Ok((0..count).try_for_each(|_| self.release.send(()))?)
    }
}

/// A client that has sent `GET target`.
pub fn ask(address: SocketAddr, target: &str) -> Result<Client> {
    let mut client = Client::connect(address)?;
    client.send(format!("GET {target} HTTP/1.0\r\n\r\n"))?;
    Ok(client)
}
