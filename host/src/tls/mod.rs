//! TLS: the certificate and the key that a server shows its clients.

mod error;
mod validity;

use std::fmt;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use memchr::memmem;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::regular_file;
pub use error::TlsError;
pub use validity::Validity;

/// A certificate and its key, and all else that sessions of TLS 1.2 and 1.3 need: only
/// `http/1.1` is spoken (ALPN), and clients that come again can resume their sessions.
///
/// ```no_run
/// use picohttp_host::{HttpServer, Request, Response, Tls};
///
/// let hello = |_: &Request<'_>, response: &mut Response| {
///     response.data = Some("Hello world!".into());
/// };
/// let files = ("certificate.pem", "key.pem");
/// let server = HttpServer::new(hello).tls(Tls::from_files(files.0, files.1)?).start()?;
/// // When they have been renewed:
/// server.replace_tls(Tls::from_files(files.0, files.1)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    validity: Option<Validity>,
    key_is_public: bool,
}

impl Tls {
    /// TLS with the certificate in one PEM file, followed there by those that vouch for it,
    /// and the key in another or the same.
    ///
    /// # Errors
    ///
    /// [`TlsError`], which names the file.
    pub fn from_files(
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Tls, TlsError> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let names = [certificate, key].map(|file| file.display().to_string());
        let unreadable = |file: &Path| {
            let file = file.display().to_string();
            |error| TlsError::Unreadable { file, error }
        };
        let (chain, _) = read(certificate).map_err(unreadable(certificate))?;
        let (secret, key_is_public) = read(key).map_err(unreadable(key))?;
        Ok(Tls { key_is_public, ..Tls::new(&chain, &secret, names)? })
    }

    /// TLS with a certificate and a key in PEM.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Tls, TlsError> {
        let names = ["the certificate", "the key"].map(str::to_owned);
        Tls::new(certificate, key, names)
    }

    fn new(chain: &[u8], key: &[u8], [chain_name, key_name]: [String; 2]) -> Result<Tls, TlsError> {
        let chain = certificates(chain, &chain_name)?;
        let validity = chain.first().and_then(Validity::of);
        let key = private_key(key, &key_name)?;
        let setup = |error: rustls::Error| TlsError::Setup(error.to_string());
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().map_err(setup)?;
        let config = builder.with_no_client_auth().with_single_cert(chain, key);
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::Mismatch { certificate: chain_name, key: key_name }
            }
            rustls::Error::InvalidCertificate(_) => {
                TlsError::Certificate { file: chain_name, problem: error.to_string() }
            }
            _ => TlsError::Key { file: key_name, problem: error.to_string() },
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ticketer = ring::Ticketer::new().map_err(setup)?;
        Ok(Tls { config: Arc::new(config), validity, key_is_public: false })
    }

    /// Whether the key was read from a file that every user of this machine may read. Who
    /// has the key can pass for the server.
    pub fn key_is_public(&self) -> bool {
        self.key_is_public
    }

    /// When the server's own certificate is valid, if it says so in a way that can be read.
    pub fn validity(&self) -> Option<Validity> {
        self.validity
    }

    pub(crate) fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// How large a file of certificates, or of a key, may be.
const MAX_PEM: u64 = 1 << 20;

/// A file's bytes, and whether everybody may read them.
fn read(file: &Path) -> io::Result<(Vec<u8>, bool)> {
    let file = regular_file::open(file)?;
    let everybody = file.metadata()?.permissions().mode() & 0o004 != 0;
    let bytes = regular_file::read_open(&file, MAX_PEM).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => {
            io::Error::other(format!("more than {} MiB, and so no PEM", MAX_PEM >> 20))
        }
        _ => error,
    })?;
    Ok((bytes, everybody))
}

fn certificates(pem: &[u8], name: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| damaged(name, &error))?;
    match found.is_empty() {
        true => Err(TlsError::NoCertificate { file: name.to_owned() }),
        false => Ok(found),
    }
}

fn private_key(pem: &[u8], name: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    let file = name.to_owned();
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) => Ok(key),
        Err(_) if memmem::find(pem, b"ENCRYPTED").is_some() => Err(TlsError::LockedKey { file }),
        Err(pem::Error::NoItemsFound) => Err(TlsError::NoKey { file }),
        Err(error) => Err(damaged(name, &error)),
    }
}

fn damaged(name: &str, error: &pem::Error) -> TlsError {
    TlsError::Damaged { file: name.to_owned(), problem: error.to_string() }
}
