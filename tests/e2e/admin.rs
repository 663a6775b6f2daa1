//! What an operator sees, and who may see it.

mod gate;
mod metrics;
mod status;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use picohttp_host::{
    AdminToken, HttpServer, Quota, Request, Response, Route, RunningServer, Tenant,
};
use picohttp_tests::client::{Answer, exchange, get_of};
use serde_json::Value;

const ANYWHERE: &str = "127.0.0.1:0";

/// A server with an admin listener, that stops when it is dropped.
struct Server(RunningServer);

impl Server {
    fn start(server: HttpServer, token: Option<&str>) -> Result<Server> {
        let token = token.map(AdminToken::new).transpose()?;
        Ok(Server(server.port(0).admin(ANYWHERE.parse()?, token).start()?))
    }

    fn admin(&self) -> SocketAddr {
        self.0.admin_address().expect("there is an admin listener")
    }

    /// Asks for a page.
    fn page(&self, target: &str) -> Result<Answer> {
        exchange(self.admin(), format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    fn status(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.page("/status")?.body)?)
    }

    /// The value of a series, given its name and labels.
    fn metric(&self, series: &str) -> Result<Option<f64>> {
        let page = self.page("/metrics")?;
        let line =
            page.text().lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        Ok(line.map(str::parse).transpose()?)
    }

    /// Has a tenant's handler asked.
    fn get(&self, host: &str, target: &str) -> Result<Answer> {
        get_of(self.0.address(), host, target)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.stop(Duration::from_secs(1));
    }
}

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello".into());
}

fn teapot(_: &Request<'_>, response: &mut Response) {
    response.status = 418;
}

/// Two tenants: `a` with the routes `/hello` and `/pots/...`, and `b` with all.
fn tenants() -> [Tenant; 2] {
    let a = Tenant::new("a").hosts(["a.example"]);
    let b = Tenant::new("b").hosts(["b.example"]);
    let a = a.quota(Quota { max_concurrent_requests: 7, max_queue: 9, ..Quota::default() });
    [
        a.max_memory(1 << 20)
            .route(Route::new("/hello", hello))
            .route(Route::new("/pots/...", teapot)),
        b.route(Route::new("/...", hello)),
    ]
}

fn two_tenants() -> Result<Server> {
    Server::start(HttpServer::of_tenants(tenants()), None)
}
