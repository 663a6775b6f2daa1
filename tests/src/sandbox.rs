//! A guest without a server around it: what a test sees is the fault itself.

use std::fs;
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use picohttp_host::{
    Cache, Call, Component, Engine, EngineOptions, Fault, Handler, Origin, Request, RequestId,
    Response, Sandbox,
};

use crate::guests;
use crate::text;

/// The engine that tests share unless they need one of their own.
pub fn engine() -> Result<&'static Engine> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    if let Some(engine) = ENGINE.get() {
        return Ok(engine);
    }
    let engine = new_engine(EngineOptions::default())?;
    Ok(ENGINE.get_or_init(|| engine))
}

/// An engine of a test's own.
pub fn new_engine(options: EngineOptions) -> Result<Engine> {
    Ok(Engine::new(&options)?)
}

/// A guest's component, from `tests/guests/NAME.rs` or `tests/guests/NAME.wat`.
pub fn bytes(name: &str) -> Result<Vec<u8>> {
    match text::is_guest(name) {
        true => text::guest(name),
        false => Ok(fs::read(guests::guest(name)?)?),
    }
}

/// Loads a guest into the shared engine.
pub fn load(name: &str, sandbox: Sandbox) -> Result<Component> {
    load_into(engine()?, name, sandbox)
}

/// Loads a guest into an engine.
pub fn load_into(engine: &Engine, name: &str, sandbox: Sandbox) -> Result<Component> {
    Ok(Component::from_bytes(engine, name, &bytes(name)?, sandbox, &Cache::none())?)
}

/// Has a handler answer `GET target`, without a server in between.
pub fn get(handler: &impl Handler, target: &str) -> Result<Response, Fault> {
    call(handler, "GET", target)
}

/// Has a handler answer a request without headers or a body.
pub fn call(handler: &impl Handler, method: &str, target: &str) -> Result<Response, Fault> {
    ask(handler, method, target, None)
}

/// Has a handler answer `POST /` with this body.
pub fn post(handler: &impl Handler, data: &[u8]) -> Result<Response, Fault> {
    ask(handler, "POST", "/", Some(data))
}

fn ask(
    handler: &impl Handler,
    method: &str,
    target: &str,
    data: Option<&[u8]>,
) -> Result<Response, Fault> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request {
        method,
        path: path.trim_matches('/').split('/').collect(),
        query: query.split('&').filter_map(|item| item.split_once('=')).collect(),
        protocol: "HTTP/1.0",
        headers: Vec::new(),
        data,
    };
    let origin = Arc::new(Origin::new("test", "/..."));
    handler.handle(&request, &Call::new(RequestId(7), &[], &origin))
}
