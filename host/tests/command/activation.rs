//! Sockets that are passed by a parent that binds, as systemd does.

use std::net::TcpListener;
use std::process::Command;

use anyhow::{Result, ensure};
use command_fds::{CommandFdExt, FdMapping};
use picohttp_tests::client::Client;
use picohttp_tests::guests::plugin;
use picohttp_tests::program::Program;

use crate::configuration::{Folder, granted};
use crate::running::{command, run};

/// Gives a command these sockets, as systemd does.
fn pass(command: &mut Command, sockets: &[&TcpListener]) -> Result<()> {
    let duplicates = sockets.iter().map(|socket| socket.try_clone());
    let mapped = (3..)
        .zip(duplicates)
        .map(|(child_fd, socket)| Ok(FdMapping { parent_fd: socket?.into(), child_fd }));
    command.fd_mappings(mapped.collect::<Result<_>>()?)?;
    command.env("LISTEN_FDS", sockets.len().to_string());
    Ok(())
}

#[test]
fn a_socket_that_was_passed_is_served_and_survives() -> Result<()> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let address = socket.local_addr()?;
    for _ in 0..2 {
        // It waits from before there is a process.
        let mut early = Client::connect(address)?;
        early.send("GET /hello HTTP/1.0\r\n\r\n")?;
        let mut command = command();
        command.arg(plugin("hello")?);
        pass(&mut command, &[&socket])?;
        let mut host = Program::start_on(&mut command)?;
        assert_eq!(host.address, address);
        assert_eq!(early.answer()?.text(), "Hello world!");
        host.signal("TERM")?;
        assert_eq!(host.end()?.code(), Some(0));
    }
    Ok(())
}

#[test]
fn a_socket_of_a_configuration_goes_before_its_address() -> Result<()> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let folder = Folder::new(&granted("a", "word")?)?;
    let mut command = command();
    command.arg("--config").arg(folder.path("picohttp.toml"));
    pass(&mut command, &[&socket])?;
    let host = Program::start_on(&mut command)?;
    assert_eq!(host.address, socket.local_addr()?);
    assert_eq!(host.get_of("a.test", "/")?.text(), "word word");
    Ok(())
}

#[test]
fn a_port_on_the_command_line_goes_before_a_socket() -> Result<()> {
    let socket = TcpListener::bind("127.0.0.1:0")?;
    let mut command = command();
    command.arg(plugin("hello")?);
    pass(&mut command, &[&socket])?;
    let host = Program::start(&mut command)?;
    assert_ne!(host.address, socket.local_addr()?);
    host.wait_for("a socket was passed and is not used")?;
    Ok(())
}

#[test]
fn sockets_for_another_process_are_not_touched() -> Result<()> {
    let mut command = command();
    command.arg(plugin("hello")?).env("LISTEN_FDS", "1").env("LISTEN_PID", "1");
    let host = Program::start(&mut command)?;
    assert_eq!(host.get("/hello")?.status, 200);
    Ok(())
}

#[test]
fn what_cannot_be_served_is_refused_with_a_reason() -> Result<()> {
    let fails = |sockets: &[&TcpListener]| -> Result<(i32, String)> {
        let mut command = command();
        command.arg(plugin("hello")?);
        pass(&mut command, sockets)?;
        let (code, _, said) = run(&mut command)?;
        Ok((code, said))
    };
    let one = TcpListener::bind("127.0.0.1:0")?;
    let other = TcpListener::bind("127.0.0.1:0")?;
    let (code, said) = fails(&[&one, &other])?;
    ensure!(code == 1 && said.contains("2 sockets were passed"), "{code} {said}");
    let deaf: TcpListener = socket2::Socket::new(
        socket2::Domain::IPV4,
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?
    .into();
    let (code, said) = fails(&[&deaf])?;
    ensure!(code == 1 && said.contains("the socket does not listen"), "{code} {said}");
    Ok(())
}
