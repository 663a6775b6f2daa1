//! Serves one component file, with an access log, metrics and a page for the operator:
//! `cargo run --release --example observed -- FILE.wasm --log access.log --admin 8081`.
//!
//! Without the last two it is what they are measured against.

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::Parser;
use picohttp_host::config::{AccessLog, LogFormat, LogTarget};
use picohttp_host::{Cache, Component, Engine, EngineOptions, HttpServer, KeepAlive, Sandbox};

#[derive(Parser)]
struct Options {
    /// The component
    handler: PathBuf,

    /// Listen on this port of 127.0.0.1
    #[arg(long, default_value_t = 8080)]
    port: u16,

    /// Keep an access log in this file
    #[arg(long)]
    log: Option<PathBuf>,

    /// Write JSON to it
    #[arg(long)]
    json: bool,

    /// Listen for the operator on this port of 127.0.0.1
    #[arg(long)]
    admin: Option<u16>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let engine = Engine::new(&EngineOptions::default())?;
    let cache = Cache::of_user();
    let handler = Component::from_file(&engine, &options.handler, Sandbox::default(), &cache)?;
    let mut server = HttpServer::new(handler)
        .port(options.port)
        .keep_alive(KeepAlive::default())
        .report_cache(&cache);
    if let Some(file) = options.log {
        let format = if options.json { LogFormat::Json } else { LogFormat::Text };
        server = server.access_log(AccessLog { target: LogTarget::File(file), format });
    }
    if let Some(port) = options.admin {
        server = server.admin((Ipv4Addr::LOCALHOST, port).into(), None);
    }
    let server = server.start()?;
    println!("Serving HTTP on http://{}/", server.address());
    if let Some(address) = server.admin_address() {
        println!("For the operator: http://{address}/");
    }
    server.join();
    Ok(())
}
