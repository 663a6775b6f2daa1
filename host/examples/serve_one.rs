//! Serves one component file: `cargo run --example serve_one -- FILE.wasm`.

use std::error::Error;

use picohttp_host::{Cache, Component, Engine, EngineOptions, HttpServer, Sandbox};

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("usage: serve_one FILE.wasm")?;
    let engine = Engine::new(&EngineOptions::default())?;
    let handler = Component::from_file(&engine, file, Sandbox::default(), &Cache::of_user())?;
    let server = HttpServer::new(handler).port(8080).start()?;
    println!("Serving HTTP on http://{}/", server.address());
    server.join();
    Ok(())
}
