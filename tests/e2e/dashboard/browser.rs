//! A headless Chromium with one page, driven over the pipe of its DevTools protocol.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use picohttp_tests::client::PATIENCE;
use serde_json::{Value, json};
use tempfile::TempDir;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser that ends when it is dropped.
pub(super) struct Browser {
    process: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    session: Option<String>,
    calls: u64,
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts one, unless there is none on this machine. Then it says so, where it is read.
    pub(super) fn start() -> Result<Option<Browser>> {
        let Some(name) = NAMES.into_iter().find(|name| is_there(name)) else {
            let text = format!("\nSKIPPED: no browser, none of {NAMES:?}\n");
            std::io::stderr().write_all(text.as_bytes())?;
            return Ok(None);
        };
        let profile = tempfile::tempdir()?;
        // The pipe's ends are the descriptors 3 and 4.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>&1"#, name])
            .args(["--headless=new", "--remote-debugging-pipe", "--no-first-run"])
            .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().context("no input")?;
        let output = process.stdout.take().context("no output")?;
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || {
            let parts = BufReader::new(output).split(0).map_while(Result::ok);
            let parsed = parts.filter_map(|part| serde_json::from_slice(&part).ok());
            parsed.take_while(|message| sender.send(Value::clone(message)).is_ok()).for_each(drop);
        });
        let mut browser = Browser {
            process,
            input,
            messages,
            session: None,
            calls: 0,
            events: Vec::new(),
            _profile: profile,
        };
        browser.make_page()?;
        Ok(Some(browser))
    }

    fn make_page(&mut self) -> Result<()> {
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }))?;
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.call("Target.attachToTarget", target)?;
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(())
    }

    /// Calls a method of the protocol.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        self.input.write_all(format!("{message}\0").as_bytes())?;
        loop {
            let answer = self.messages.recv_timeout(PATIENCE).context("the browser is silent")?;
            if answer["id"] == self.calls {
                ensure!(answer["error"].is_null(), "{method}: {answer}");
                return Ok(answer["result"].clone());
            }
            self.events.push(answer);
        }
    }

    pub(super) fn open(&mut self, address: &str) -> Result<()> {
        self.call("Page.navigate", json!({ "url": address })).map(drop)
    }

    /// The value of an expression in the page.
    pub(super) fn value(&mut self, expression: &str) -> Result<Value> {
        let params =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", params)?;
        if !answer["exceptionDetails"].is_null() {
            bail!("{expression}: {answer}");
        }
        Ok(answer["result"]["value"].clone())
    }

    /// Waits until an expression is true in the page, or fails with the page's text.
    pub(super) fn wait_for(&mut self, expression: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        // Where the page is not there yet, it has not what is asked for.
        while self.value(expression).ok() != Some(Value::Bool(true)) {
            if Instant::now() > deadline {
                bail!("never: {expression}\n{}", self.value("document.body.innerText")?);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Presses a key and lets it go.
    pub(super) fn press(&mut self, key: &str) -> Result<()> {
        let text = if key == "Enter" { "\r" } else { "" };
        let code = if key == "Enter" { 13 } else { 0 };
        for kind in ["keyDown", "keyUp"] {
            let params = json!({ "type": kind, "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", params)?;
        }
        Ok(())
    }

    /// What the page complained of: errors, warnings, exceptions.
    pub(super) fn complaints(&self) -> Vec<&Value> {
        let is_complaint = |event: &&Value| {
            ["Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"]
                .iter()
                .any(|method| event["method"] == *method)
        };
        self.events.iter().filter(is_complaint).collect()
    }

    /// The addresses that were asked for.
    pub(super) fn requests(&self) -> Vec<&str> {
        let requests =
            self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        requests.filter_map(|event| event["params"]["request"]["url"].as_str()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session = None;
        let closed = self.call("Browser.close", json!({}));
        if closed.is_err() {
            // It may have ended by itself.
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

fn is_there(name: &str) -> bool {
    let found =
        Command::new("sh").args(["-c", r#"command -v "$0""#, name]).stdout(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}
