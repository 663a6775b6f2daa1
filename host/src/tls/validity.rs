//! When a certificate is valid (RFC 5280 section 4.1.2.5).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};

/// When a certificate is valid; clients refuse it before and after. Shown as `2026-12-01T00:00:00Z
/// to 2027-03-01T00:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its first moment.
    pub not_before: SystemTime,
    /// Its last moment, to the second.
    pub not_after: SystemTime,
}

impl Validity {
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Validity> {
        let certificate = ParsedCertificate::try_from(certificate).ok()?;
        // Whoever trusts nobody refuses each certificate, and for its time before anything else.
        let refusal = |time| {
            let (nobody, time) = (RootCertStore::empty(), UnixTime::since_unix_epoch(time));
            match verify_server_cert_signed_by_trust_anchor(&certificate, &nobody, &[], time, &[]) {
                Err(Error::InvalidCertificate(refusal)) => Some(refusal),
                _ => None,
            }
        };
        let not_before = match refusal(Duration::ZERO)? {
            CertificateError::NotValidYetContext { not_before, .. } => system_time(not_before)?,
            _ => UNIX_EPOCH,
        };
        match refusal(Duration::MAX)? {
            CertificateError::ExpiredContext { not_after, .. } => {
                Some(Validity { not_before, not_after: system_time(not_after)? })
            }
            _ => None,
        }
    }

    /// Whether it is valid at that time.
    pub fn contains(&self, time: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to] = [self.not_before, self.not_after].map(humantime::format_rfc3339_seconds);
        write!(f, "{from} to {to}")
    }
}

fn system_time(time: UnixTime) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()))
}
