//! Serves what the comparison's handlers compute from a native closure: the host without
//! a sandbox. `cargo run --release --example native -- --port 8080`.

use std::error::Error;

use clap::Parser;
use picohttp_host::{HttpServer, KeepAlive, Request, Response};

#[path = "../benches/compare/handler/src/logic.rs"]
mod logic;

#[derive(Parser)]
struct Options {
    /// Listen on this port of 127.0.0.1
    #[arg(long, default_value_t = 8080)]
    port: u16,

    /// Let connections persist over several requests
    #[arg(long)]
    keep_alive: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let handler = |request: &Request<'_>, response: &mut Response| {
        let route = request.path.first().copied().unwrap_or_default();
        match logic::answer(route, request.data.unwrap_or_default()) {
            Some(data) => response.data = Some(data),
            None => response.status = 404,
        }
    };
    let mut server = HttpServer::new(handler).port(options.port);
    if options.keep_alive {
        server = server.keep_alive(KeepAlive::default());
    }
    server.serve()?;
    Ok(())
}
