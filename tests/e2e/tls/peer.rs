//! Certificates that are made for a test, and clients that trust one of them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use anyhow::{Context, Result};
use picohttp_host::Tls;
use picohttp_tests::client::{self, Answer};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A certificate for `localhost` that vouches for itself, and its key, in PEM.
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Identity {
    pub fn new() -> Result<Identity> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        Ok(Identity { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() })
    }

    /// One that is valid from the beginning of a year to that of another.
    pub fn of_years(first: i32, last: i32) -> Result<Identity> {
        let mut params = CertificateParams::new(["localhost".to_owned()])?;
        params.not_before = date_time_ymd(first, 1, 1);
        params.not_after = date_time_ymd(last, 1, 1);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Identity { certificate, key: key.serialize_pem() })
    }

    pub fn tls(&self) -> Result<Tls> {
        Ok(Tls::from_pem(self.certificate.as_bytes(), self.key.as_bytes())?)
    }

    /// Clients that trust this certificate alone.
    pub fn trusted(&self, version: &'static SupportedProtocolVersion) -> Result<ClientConfig> {
        trusting(&[self], version)
    }

    pub fn connect(&self, address: SocketAddr) -> Result<Client> {
        Client::connect(address, &Arc::new(self.trusted(&TLS13)?))
    }

    /// Sends `GET target` and returns what came back until the host ended the session.
    pub fn get(&self, address: SocketAddr, target: &str) -> Result<Answer> {
        let mut client = self.connect(address)?;
        client.send(format!("GET {target} HTTP/1.0\r\n\r\n"))?;
        client.answer()
    }
}

/// Clients that trust these certificates alone, and speak one version. Clients with the
/// same can resume each other's sessions.
pub fn trusting(
    identities: &[&Identity],
    version: &'static SupportedProtocolVersion,
) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for identity in identities {
        roots.add(CertificateDer::from_pem_slice(identity.certificate.as_bytes())?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_protocol_versions(&[version])?.with_root_certificates(roots);
    Ok(config.with_no_client_auth())
}

/// A session that has not begun its handshake.
pub fn session(config: &Arc<ClientConfig>) -> Result<ClientConnection> {
    Ok(ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost")?)?)
}

/// What a client says first.
pub fn client_hello() -> Result<Vec<u8>> {
    let mut hello = Vec::new();
    session(&Arc::new(Identity::new()?.trusted(&TLS13)?))?.write_tls(&mut hello)?;
    Ok(hello)
}

/// A client in an established session.
pub struct Client(pub StreamOwned<ClientConnection, TcpStream>);

impl Client {
    pub fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Client> {
        let socket = client::Client::connect(address)?.0;
        let mut stream = StreamOwned::new(session(config)?, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Client(stream))
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.0.write_all(bytes.as_ref())?;
        Ok(self.0.flush()?)
    }

    /// Says that nothing more will be sent.
    pub fn finish(&mut self) -> Result<()> {
        self.0.conn.send_close_notify();
        Ok(self.0.flush()?)
    }

    /// Reads exactly so many bytes.
    pub fn read(&mut self, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads until the host ends the session, which it must do before it closes.
    pub fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads one answer, which the host must end by ending the session.
    pub fn answer(&mut self) -> Result<Answer> {
        Answer::parse(&self.read_all()?)
    }

    /// Reads one answer and leaves the session as it is.
    pub fn next_answer(&mut self) -> Result<Answer> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.extend(self.read(1)?);
        }
        let length = Answer::parse(&bytes)?.header("Content-Length").map(str::parse);
        bytes.extend(self.read(length.context("no length")??)?);
        Answer::parse(&bytes)
    }
}
