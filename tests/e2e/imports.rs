//! Handlers in Rust that import nothing.

use std::fs;

use anyhow::Result;
use picohttp_host::{HttpServer, Sandbox};
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::Host;
use picohttp_tests::sandbox::load;

/// Whether a component names an interface of WASI.
fn imports_wasi(component: &[u8]) -> bool {
    component.windows(5).any(|bytes| bytes == b"wasi:")
}

#[test]
fn only_who_asks_for_it_imports_nothing() -> Result<()> {
    assert!(imports_wasi(&fs::read(plugin("hello")?)?));
    assert!(!imports_wasi(&fs::read(guest("bare")?)?));
    Ok(())
}

#[test]
fn who_imports_nothing_may_print_and_has_no_environment() -> Result<()> {
    let environment = vec![("NAME".to_owned(), "value".to_owned())];
    let sandbox = Sandbox { environment, ..Sandbox::default() };
    let host = Host::serve(HttpServer::new(load("bare", sandbox)?).port(0))?;
    assert_eq!(host.get("/")?.text(), "false, 10 written");
    assert_eq!(host.get("/panic")?.status, 500);
    Ok(())
}
