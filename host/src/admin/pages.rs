//! What there is to see, by its path.

use std::time::Instant;

use serde::Serialize;
use serde_json::ser::Serializer;

use super::AdminService;
use super::gate::Verdict;
use super::status::Status;
use super::visit::Page;
use crate::http1::{self, Head};
use crate::journal::Pages;
use crate::metrics;
use crate::normal_form;
use crate::text::Ascii;

/// What is said of a server that serves all that it shall.
pub(super) const READY: &str = "ready";

/// The page for people.
pub(super) const DASHBOARD: &str = include_str!("dashboard.html");

/// A tenant's journal.
#[derive(Serialize)]
struct Log<'a> {
    tenant: &'a str,
    #[serde(flatten)]
    pages: Pages,
}

impl AdminService {
    pub(super) fn answer(&self, head: &Head<'_>) -> Page {
        if !matches!(head.method, "GET" | "HEAD") {
            return Page::of_text(405, "only GET and HEAD").with("Allow", "GET, HEAD");
        }
        let path = normal_form::path(head.target);
        match path {
            "/healthz" => return Page::of_text(200, "ok"),
            "/readyz" => return self.readiness(),
            _ => {}
        }
        match self.gate.load().judge(head) {
            Verdict::Enter => {}
            Verdict::Welcome(cookie) if path == "/" => {
                let page = Page::of_text(303, "welcome").with("Location", "/");
                return page.with("Set-Cookie", cookie);
            }
            // It asks for the token, and shows nothing before it has it.
            Verdict::NoToken if path == "/" => {
                return self.dashboard(401).with("WWW-Authenticate", "Bearer");
            }
            Verdict::Welcome(_) | Verdict::NoToken => {
                let page = Page::of_text(401, "send the token: Authorization: Bearer TOKEN");
                return page.with("WWW-Authenticate", "Bearer");
            }
            Verdict::OddHost => {
                return Page::of_text(421, "this is only answered as localhost or by its address");
            }
        }
        match path {
            "/" => self.dashboard(200),
            "/metrics" => Page {
                content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
                text: metrics::page(&self.service),
                ..Page::of_text(200, "")
            },
            "/status" => {
                let routes_of = item(head, "routes");
                json(&Status::of(self, routes_of.as_deref(), Instant::now()))
            }
            "/log" => self.log(head),
            _ => Page::of_text(
                404,
                "there is /, /status, /log?tenant=NAME, /metrics, /healthz and /readyz",
            ),
        }
    }

    fn dashboard(&self, status: u16) -> Page {
        let content_type = "text/html; charset=utf-8";
        let page = Page { content_type, ..Page::of_text(status, DASHBOARD) };
        page.with("Content-Security-Policy", self.policy.as_str())
    }

    fn readiness(&self) -> Page {
        match self.service.unready() {
            None => Page::of_text(200, READY),
            Some(why) => Page::of_text(503, why),
        }
    }

    fn log(&self, head: &Head<'_>) -> Page {
        let Some(name) = item(head, "tenant") else {
            return Page::of_text(400, "say whose: /log?tenant=NAME; /status has the names");
        };
        let catalog = self.service.catalog.load();
        let served =
            catalog.tenants().iter().find(|served| *served.account.name.as_bytes() == *name);
        let account = served.map(|served| &served.account);
        match account.and_then(|account| Some((account, account.journal()?))) {
            Some((account, journal)) => {
                json(&Log { tenant: &account.name, pages: journal.pages() })
            }
            None => Page::of_text(404, "there is no such tenant"),
        }
    }
}

/// What a request's query says of something.
fn item(head: &Head<'_>, name: &str) -> Option<Vec<u8>> {
    let query = http1::query(head.target);
    let value = query.iter().find(|(item, _)| *item == name).map(|(_, value)| value);
    value.map(|value| normal_form::decode(value).into_owned())
}

fn json(value: &impl Serialize) -> Page {
    let mut bytes = Vec::new();
    let written = value.serialize(&mut Serializer::with_formatter(&mut bytes, Ascii));
    match (written, String::from_utf8(bytes)) {
        (Ok(()), Ok(text)) => {
            Page { content_type: "application/json", text, ..Page::of_text(200, "") }
        }
        _ => Page::of_text(500, "this cannot be said"),
    }
}
