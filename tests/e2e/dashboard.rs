//! The dashboard, in a real browser: what it shows of real traffic, that what guests and
//! clients say stays text, and that it asks nobody but its server.

mod browser;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use picohttp_host::{
    AdminToken, HttpServer, Request, Response, Route, RunningServer, Sandbox, Tenant,
};
use picohttp_tests::client::get_of;
use picohttp_tests::sandbox::load;
use serde_json::json;

use browser::Browser;

/// What would change the title, were it more than text.
const HOSTILE: &str = "<img src=x onerror=document.title='owned'>";

/// A tenant's name that would, too.
const HOSTILE_NAME: &str = "b&lt; <img src=x onerror=document.title='owned'>";

/// A server with an admin listener, that stops when it is dropped.
struct Server(RunningServer);

impl Server {
    fn start(server: HttpServer, admin: SocketAddr, token: Option<&str>) -> Result<Server> {
        let token = token.map(AdminToken::new).transpose()?;
        Ok(Server(server.port(0).admin(admin, token).start()?))
    }

    fn admin(&self) -> SocketAddr {
        self.0.admin_address().expect("there is an admin listener")
    }

    fn url(&self) -> String {
        format!("http://{}/", self.admin())
    }

    fn get(&self, host: &str, target: &str) -> Result<()> {
        get_of(self.0.address(), host, target).map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.stop(Duration::from_secs(1));
    }
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn hello(_: &Request<'_>, response: &mut Response) {
    response.data = Some(b"Hello".into());
}

/// Two tenants: one that talks, and one with a route that spins until it is stopped.
fn two_tenants() -> Result<HttpServer> {
    let talk = load("talk", Sandbox::default())?;
    let spin = load("spin", Sandbox { timeout: Duration::from_millis(20), ..Sandbox::default() })?;
    Ok(HttpServer::of_tenants([
        Tenant::new("blog").hosts(["blog.example"]).route(Route::new("/...", talk)),
        Tenant::new(HOSTILE_NAME)
            .hosts(["other.example"])
            .max_memory(64 << 20)
            .route(Route::new("/spin", spin))
            .route(Route::new("/...", hello)),
    ]))
}

/// Runs `look` while clients come to both tenants.
fn under_traffic(server: &Server, look: impl FnOnce() -> Result<()>) -> Result<()> {
    let ended = AtomicBool::new(false);
    let come = || {
        let said = "%3Cimg%20src=x%20onerror=document.title='owned'%3E";
        while !ended.load(Ordering::Relaxed) {
            server.get("blog.example", &format!("/out/{said}%0A"))?;
            server.get("blog.example", "/lines?<img/src=x/onerror=document.title='owned'>")?;
            server.get("other.example", "/hello")?;
            server.get("other.example", "/spin")?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let traffic = scope.spawn(come);
        let looked = look();
        ended.store(true, Ordering::Relaxed);
        looked.and(traffic.join().expect("the clients do not panic"))
    })
}

/// An expression in the page: the texts of all elements that a selector means.
fn texts(selector: &str) -> String {
    format!("[...document.querySelectorAll({})].map((it) => it.textContent)", json!(selector))
}

#[test]
fn it_shows_tenants_under_traffic_and_asks_nobody_else() -> Result<()> {
    let Some(mut browser) = Browser::start()? else { return Ok(()) };
    let server = Server::start(two_tenants()?, anywhere(), None)?;
    under_traffic(&server, || {
        browser.open(&server.url())?;
        browser.wait_for(&format!("{}.length === 2", texts(".tenant")))?;
        let names = browser.value(&format!("{}.sort()", texts(".tenant button")))?;
        ensure!(names == json!([HOSTILE_NAME, "blog"]), "{names}");

        let is_some =
            format!("{}.every((rate) => parseFloat(rate) > 0)", texts(".tenant .rate .value"));
        browser.wait_for(&is_some)?;
        browser.wait_for(&format!(
            "{}.every((p99) => / (µs|ms)$/.test(p99.replace('\\u00a0', ' ')))",
            texts(".tenant .p99 .value")
        ))?;
        browser.wait_for(&format!(
            "{}.some((kills) => parseInt(kills) > 0)",
            texts(".tenant .kills .value")
        ))?;
        browser.wait_for(&format!(
            "{}.some((kills) => kills.startsWith('timeout'))",
            texts(".tenant .kills .note")
        ))?;
        browser.wait_for(
            "/^[1-9].*\\/s$/.test(document.querySelector('#summary .value').textContent)",
        )?;
        browser.wait_for("document.querySelector('#latency path.p99[d*=L]') !== null")?;
        browser.wait_for("document.querySelector('.tenant .rate .spark path[d*=L]') !== null")
    })?;
    ensure!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    let elsewhere = |address: &&&str| !address.starts_with(&server.url()) && **address != "data:,";
    let requests = browser.requests();
    ensure!(requests.len() > 1 && requests.iter().find(elsewhere).is_none(), "{requests:?}");
    Ok(())
}

#[test]
fn what_guests_and_clients_say_stays_text() -> Result<()> {
    let Some(mut browser) = Browser::start()? else { return Ok(()) };
    let server = Server::start(two_tenants()?, anywhere(), None)?;
    under_traffic(&server, || {
        browser.open(&server.url())?;
        browser.wait_for(&format!("{}.length === 2", texts(".tenant")))?;
        browser.value("document.querySelector('th[data-key=name] button').click()")?;
        browser.value("document.querySelectorAll('.tenant button')[1].focus()")?;
        browser.press("Enter")?;
        browser
            .wait_for("document.querySelectorAll('.tenant button')[1].ariaExpanded === 'true'")?;
        let shown = texts(".detail td.text");
        browser.wait_for(&format!("{shown}.includes({})", json!(HOSTILE)))?;
        let target = "GET /lines?<img/src=x/onerror=document.title='owned'>";
        browser.wait_for(&format!("{shown}.includes({})", json!(target)))?;
        browser.wait_for(&format!("{shown}.includes('/...')"))
    })?;
    browser.press("Escape")?;
    browser.wait_for("document.querySelector('.detail') === null")?;
    let left = browser.value("[document.images.length, document.title.includes('owned')]")?;
    ensure!(left == json!([0, false]), "{left}");
    ensure!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    Ok(())
}

#[test]
fn tenants_are_sorted_filtered_and_walked_by_keyboard() -> Result<()> {
    let Some(mut browser) = Browser::start()? else { return Ok(()) };
    let tenants = (0..60).map(|number| {
        let name = format!("t{number:02}");
        Tenant::new(&name).hosts([format!("{name}.example")]).route(Route::new("/...", hello))
    });
    let server = Server::start(HttpServer::of_tenants(tenants), anywhere(), None)?;
    server.get("t42.example", "/")?;
    let phone = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
    browser.call("Emulation.setDeviceMetricsOverride", phone)?;
    browser.open(&server.url())?;

    let names = texts(".tenant button");
    browser.wait_for(&format!("{names}.length === 25 && {names}[0] === 't42'"))?;
    let sorted = "document.querySelector('th[aria-sort=descending]').dataset.key === 'rate'";
    browser.wait_for(sorted)?;
    browser.value("document.querySelector('th[data-key=name] button').click()")?;
    browser.wait_for(&format!(
        "{names}[0] === 't00' && document.querySelectorAll('th[aria-sort]').length === 1"
    ))?;
    browser.value("document.getElementById('next').click()")?;
    browser.wait_for(&format!("{names}[0] === 't25'"))?;

    browser.value("document.querySelector('.tenant button').focus()")?;
    browser.press("ArrowDown")?;
    browser.wait_for("document.activeElement.textContent === 't26'")?;
    browser.press("End")?;
    browser.wait_for("document.activeElement.textContent === 't49'")?;

    browser.value("document.getElementById('filter').focus()")?;
    browser.call("Input.insertText", json!({ "text": "T5" }))?;
    browser.wait_for(&format!("{names}.length === 10 && {names}[9] === 't59'"))?;
    browser.value("document.querySelector('.tenant button').click()")?;
    browser.wait_for("document.querySelector('.detail') !== null")?;
    let width = browser.value("document.documentElement.scrollWidth")?;
    ensure!(width == 360, "it is {width} wide");
    Ok(())
}

#[test]
fn it_asks_for_the_token() -> Result<()> {
    let Some(mut browser) = Browser::start()? else { return Ok(()) };
    let server = Server::start(HttpServer::new(hello), anywhere(), Some("s3+cret&"))?;
    browser.open(&server.url())?;
    browser.wait_for("document.activeElement.id === 'token'")?;
    for (token, then) in [
        ("s3", "document.getElementById('notice').textContent === 'That is not the token.'"),
        ("s3+cret&", "document.querySelectorAll('.tenant').length === 1"),
    ] {
        browser.value("document.getElementById('token').select()")?;
        browser.call("Input.insertText", json!({ "text": token }))?;
        browser.press("Enter")?;
        browser.wait_for(then)?;
    }
    browser.wait_for("document.getElementById('gate').hidden")?;
    ensure!(browser.value("location.href")? == server.url());
    Ok(())
}

#[test]
fn it_says_when_the_server_is_gone_and_recovers() -> Result<()> {
    let Some(mut browser) = Browser::start()? else { return Ok(()) };
    let server = Server::start(HttpServer::new(hello), anywhere(), None)?;
    let address = server.admin();
    browser.open(&server.url())?;
    browser.wait_for(&format!("{}.length === 1", texts(".tenant")))?;
    drop(server);
    let notice = "document.getElementById('notice').textContent";
    browser.wait_for(&format!("{notice}.startsWith('No answer since ')"))?;
    let _server = Server::start(HttpServer::new(hello), address, None)?;
    browser.wait_for(&format!("{notice} === ''"))?;
    browser.wait_for("document.title.startsWith('0/s')")
}
