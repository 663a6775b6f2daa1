//! Hosts that many tests share, and what they are asked.

use std::sync::LazyLock;

use anyhow::Result;
use picohttp_host::{HttpServer, Sandbox};
use serde_json::Value;

use crate::client::{Answer, Client};
use crate::guests::guest;
use crate::host::{Host, load};

/// A host whose handler does what its path says and otherwise answers with what it saw.
pub static BEHAVE: LazyLock<Host> = LazyLock::new(|| {
    let server = HttpServer::new(component("behave")).args(["first", "second"]);
    Host::serve(server).expect("a host starts")
});

/// A host whose handler answers as its request's body says.
static DICTATED: LazyLock<Host> =
    LazyLock::new(|| Host::serve(HttpServer::new(component("dictated"))).expect("a host starts"));

fn component(name: &str) -> picohttp_host::Component {
    load(guest(name).expect("the guests build"), Sandbox::default()).expect("a guest loads")
}

/// What a handler sees of a request.
pub fn seen(request: impl AsRef<[u8]>) -> Result<Value> {
    Ok(serde_json::from_slice(&BEHAVE.exchange(request)?.body)?)
}

/// The bytes that are sent for a handler's response.
pub fn sent(response: &Value) -> Result<Vec<u8>> {
    let body = response.to_string();
    let mut client = Client::connect(DICTATED.address())?;
    client.send(format!("POST / HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()))?;
    client.read_all()
}

/// The answer that a handler's response becomes.
pub fn answer(response: &Value) -> Result<Answer> {
    Answer::parse(&sent(response)?)
}
