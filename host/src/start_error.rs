//! Why a server does not start.

use std::io;

use crate::CatalogError;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The tenants cannot be served together.
    #[error(transparent)]
    Catalog(CatalogError),
    /// None of the addresses can be listened on; this is what is wrong with the last.
    #[error("cannot listen: {0}")]
    Listen(io::Error),
    /// The address for operators cannot be listened on.
    #[error("cannot listen for operators: {0}")]
    Admin(io::Error),
    /// The access log cannot be opened.
    #[error("cannot open the access log: {0}")]
    AccessLog(io::Error),
    /// The system has no threads or descriptors left.
    #[error("cannot start the request threads: {0}")]
    Threads(io::Error),
}
