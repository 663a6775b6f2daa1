//! Why a server does not start.

use std::fmt;
use std::io;

use crate::CatalogError;

/// Why a server does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The tenants cannot be served together.
    Catalog(CatalogError),
    /// None of the addresses can be listened on; this is what is wrong with the last.
    Listen(io::Error),
    /// The address for operators cannot be listened on.
    Admin(io::Error),
    /// The access log cannot be opened.
    AccessLog(io::Error),
    /// The system has no threads or descriptors left.
    Threads(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Catalog(error) => error.fmt(f),
            StartError::Listen(error) => write!(f, "cannot listen: {error}"),
            StartError::Admin(error) => write!(f, "cannot listen for operators: {error}"),
            StartError::AccessLog(error) => write!(f, "cannot open the access log: {error}"),
            StartError::Threads(error) => write!(f, "cannot start the request threads: {error}"),
        }
    }
}

impl std::error::Error for StartError {}
