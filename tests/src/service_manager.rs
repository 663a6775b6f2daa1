//! What a service manager is told by a program that it has started (sd_notify(3)).

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use anyhow::Result;

use crate::client::PATIENCE;

/// The receiving end of `NOTIFY_SOCKET`.
pub struct ServiceManager(UnixDatagram);

impl ServiceManager {
    /// One that is told at this path, which must not exist.
    pub fn at(path: &Path) -> Result<ServiceManager> {
        let socket = UnixDatagram::bind(path)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(ServiceManager(socket))
    }

    /// Waits for the next thing that it is told.
    pub fn told(&self) -> Result<String> {
        let mut bytes = [0; 1000];
        loop {
            match self.0.recv(&mut bytes) {
                Ok(length) => return Ok(String::from_utf8_lossy(&bytes[..length]).into_owned()),
                // A process that was stopped and goes on; the time starts again.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
