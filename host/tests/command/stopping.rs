//! Signals and exit codes.

use std::os::unix::process::ExitStatusExt;

use anyhow::Result;
use picohttp_tests::client::Client;
use picohttp_tests::guests::{guest, plugin};
use picohttp_tests::host::eventually;

use crate::running::{Running, command};

#[test]
fn sigterm_and_sigint_end_an_idle_host_with_exit_code_0() -> Result<()> {
    for signal in ["TERM", "INT"] {
        let mut host = Running::start(command().arg(plugin("hello")?))?;
        host.signal(signal)?;
        assert_eq!(host.end()?.code(), Some(0), "{signal}");
    }
    Ok(())
}

#[test]
fn a_request_that_runs_is_finished_and_new_clients_are_refused() -> Result<()> {
    let mut host = Running::start(command().arg(plugin("echo")?))?;
    let mut client = Client::connect(host.address)?;
    client.send("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\n1")?;
    host.signal("TERM")?;
    host.wait_for("stopping")?;
    eventually("new clients are refused", || Client::connect(host.address).is_err())?;
    client.send("2")?;
    assert_eq!(client.answer()?.status, 200);
    assert_eq!(host.end()?.code(), Some(0));
    Ok(())
}

#[test]
fn requests_are_waited_for_no_longer_than_the_shutdown_timeout() -> Result<()> {
    let args = ["--timeout", "60s", "--shutdown-timeout", "100ms"];
    let mut host = Running::start(command().arg(guest("spin")?).args(args))?;
    let mut client = Client::connect(host.address)?;
    client.send("GET /spin HTTP/1.0\r\n\r\n")?;
    host.signal("TERM")?;
    assert_eq!(host.end()?.code(), Some(0));
    host.wait_for("cut off at the shutdown timeout")
}

#[test]
fn a_second_signal_ends_at_once() -> Result<()> {
    let args = ["--timeout", "60s", "--shutdown-timeout", "60s"];
    let mut host = Running::start(command().arg(guest("spin")?).args(args))?;
    let mut client = Client::connect(host.address)?;
    client.send("GET /spin HTTP/1.0\r\n\r\n")?;
    host.signal("TERM")?;
    host.wait_for("stopping")?;
    host.signal("TERM")?;
    let status = host.end()?;
    assert_eq!(status.code(), Some(143), "{:?}", status.signal());
    Ok(())
}
