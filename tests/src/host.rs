//! A host around one handler, on a free port, that stops when it is dropped.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use picohttp_host::{
    Cache, CatalogError, Component, EngineOptions, HttpServer, RunningServer, Sandbox, Tenant,
};

use crate::client::{self, Answer, PATIENCE};
use crate::sandbox::new_engine;

/// A running server.
pub struct Host {
    server: Option<RunningServer>,
    address: SocketAddr,
}

impl Host {
    /// Serves a component with the default sandbox and server.
    pub fn of(file: impl AsRef<Path>) -> Result<Host> {
        Host::with(file, Sandbox::default(), |server| server)
    }

    /// Serves a component in this sandbox, with a server changed as the test wants it.
    pub fn with(
        file: impl AsRef<Path>,
        sandbox: Sandbox,
        configure: impl FnOnce(HttpServer) -> HttpServer,
    ) -> Result<Host> {
        Host::serve(configure(HttpServer::new(load(file, sandbox)?)))
    }

    /// Starts any server on a free port.
    pub fn serve(server: HttpServer) -> Result<Host> {
        let server = server.port(0).start()?;
        let address = server.address();
        Ok(Host { server: Some(server), address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn get(&self, target: &str) -> Result<Answer> {
        client::get(self.address, target)
    }

    pub fn exchange(&self, request: impl AsRef<[u8]>) -> Result<Answer> {
        client::exchange(self.address, request)
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.server.as_ref().map_or(0, RunningServer::connections)
    }

    /// How many requests wait in line.
    pub fn waiting(&self) -> usize {
        self.server.as_ref().map_or(0, RunningServer::waiting)
    }

    /// Serves other tenants from now on.
    pub fn replace(&self, tenants: impl IntoIterator<Item = Tenant>) -> Result<(), CatalogError> {
        self.server.as_ref().map_or(Ok(()), |server| server.replace(tenants))
    }

    /// Stops the server; returns how many connections were cut off.
    pub fn stop(mut self, timeout: Duration) -> usize {
        self.server.take().map_or(0, |server| server.stop(timeout))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop(Duration::from_secs(1));
        }
    }
}

/// Loads a component as the tests do: small pool, no cache.
pub fn load(file: impl AsRef<Path>, sandbox: Sandbox) -> Result<Component> {
    let engine = new_engine(EngineOptions::default())?;
    Ok(Component::from_file(&engine, file, sandbox, &Cache::none())?)
}

/// Waits until something is so, or fails.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        ensure!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
