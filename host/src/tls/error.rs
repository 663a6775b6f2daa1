//! Why there is no TLS with a certificate and a key.

use std::io;

/// Why there is no TLS with a certificate and a key. Where it names a file, that is the
/// path as it was given, or `the certificate` or `the key`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {file}: {error}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why not.
        error: io::Error,
    },
    /// A file is not PEM throughout.
    #[error("{file} is not a PEM file throughout ({problem}): write it anew")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in {file}: one begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate {
        /// The file.
        file: String,
    },
    /// There is no private key in the file.
    #[error("there is no private key in {file}: one begins with -----BEGIN PRIVATE KEY-----")]
    NoKey {
        /// The file.
        file: String,
    },
    /// The private key can be read only with a password.
    #[error("the private key in {file} has a password: `openssl pkey` writes it without one")]
    LockedKey {
        /// The file.
        file: String,
    },
    /// The certificate cannot be used.
    #[error("the certificate in {file} cannot be used: {problem}")]
    Certificate {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The private key cannot be used.
    #[error(
        "the private key in {file} cannot be used ({problem}): make one with ECDSA, RSA or Ed25519"
    )]
    Key {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The private key is another certificate's.
    #[error(
        "the private key in {key} does not fit the first certificate in {certificate}: give the \
         key that it was issued for, and the server's own certificate first"
    )]
    Mismatch {
        /// The file with the certificate.
        certificate: String,
        /// The file with the key.
        key: String,
    },
    /// The system does not have what TLS needs, such as random numbers.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}
