//! Which certificates can be served, why others cannot, and how they are renewed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use picohttp_host::{Tls, TlsError};
use picohttp_tests::client::PATIENCE;

use super::peer::{Client, Identity, VERSIONS, trusting};
use super::server;

/// Why there is no TLS with these.
fn problem(certificate: &str, key: &str) -> TlsError {
    match Tls::from_pem(certificate.as_bytes(), key.as_bytes()) {
        Ok(_) => panic!("it can be used"),
        Err(error) => error,
    }
}

#[test]
fn new_clients_are_shown_the_new_certificate() -> Result<()> {
    let [old, new] = [Identity::new()?, Identity::new()?];
    let running = server(&old)?.keep_alive(Default::default()).port(0).start()?;
    let address = running.address();
    let mut here = old.connect(address)?;
    running.replace_tls(new.tls()?);

    assert_eq!(new.get(address, "/new")?.text(), "new");
    assert!(old.get(address, "/old").is_err());
    here.send("GET /here HTTP/1.1\r\n\r\n")?;
    assert_eq!(here.next_answer()?.text(), "here");
    assert_eq!(running.stop(PATIENCE), 0);
    Ok(())
}

#[test]
fn no_client_fails_while_certificates_are_replaced() -> Result<()> {
    let [one, other] = [Identity::new()?, Identity::new()?];
    let running = server(&one)?.port(0).start()?;
    let trust = Arc::new(trusting(&[&one, &other], VERSIONS[1])?);
    thread::scope(|scope| {
        let clients = scope.spawn(|| {
            (0..300).try_for_each(|_| {
                let mut client = Client::connect(running.address(), &trust)?;
                client.send("GET /a HTTP/1.0\r\n\r\n")?;
                client.answer().map(|answer| assert_eq!(answer.text(), "a"))
            })
        });
        for identity in [&other, &one].into_iter().cycle() {
            running.replace_tls(identity.tls()?);
            if clients.is_finished() {
                break;
            }
        }
        clients.join().expect("no panic")
    })?;
    assert_eq!(running.stop(PATIENCE), 0);
    Ok(())
}

#[test]
fn a_certificate_says_when_it_is_valid() -> Result<()> {
    let years = |first, last| {
        let validity = Identity::of_years(first, last)?.tls()?.validity();
        validity.context("it says nothing")
    };
    let now = SystemTime::now();
    let [past, present, future] = [years(1999, 2001)?, years(1970, 3000)?, years(2999, 9999)?];
    assert_eq!([past, present, future].map(|it| it.contains(now)), [false, true, false]);
    assert_eq!(past.to_string(), "1999-01-01T00:00:00Z to 2001-01-01T00:00:00Z");
    assert!(past.contains(past.not_before) && past.contains(past.not_after));
    assert!(!past.contains(past.not_after + Duration::from_secs(1)));
    Ok(())
}

#[test]
fn a_certificate_and_its_key_may_share_a_file() -> Result<()> {
    let identity = Identity::new()?;
    let both = format!("{}\n{}", identity.key, identity.certificate);
    Tls::from_pem(both.as_bytes(), both.as_bytes())?;
    Ok(())
}

#[test]
fn what_is_missing_is_named() -> Result<()> {
    let Identity { certificate, key } = Identity::new()?;
    assert!(matches!(problem(&key, &key), TlsError::NoCertificate { .. }));
    assert!(matches!(problem("", &key), TlsError::NoCertificate { .. }));
    assert!(matches!(problem(&certificate, &certificate), TlsError::NoKey { .. }));
    Ok(())
}

#[test]
fn what_is_damaged_is_named() -> Result<()> {
    let Identity { certificate, key } = Identity::new()?;
    let cut = &certificate[..certificate.len() / 2];
    assert!(matches!(problem(cut, &key), TlsError::Damaged { .. }));
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(problem(empty, &key), TlsError::Certificate { .. }));
    let empty = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(matches!(problem(&certificate, empty), TlsError::Key { .. }));
    Ok(())
}

#[test]
fn a_key_with_a_password_is_called_so() -> Result<()> {
    let Identity { certificate, key } = Identity::new()?;
    let locked = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert!(matches!(problem(&certificate, &locked), TlsError::LockedKey { .. }));
    Ok(())
}

#[test]
fn anothers_key_is_called_so() -> Result<()> {
    let error = problem(&Identity::new()?.certificate, &Identity::new()?.key);
    assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
    Ok(())
}

#[test]
fn a_file_is_named_by_its_path() -> Result<()> {
    let identity = Identity::new()?;
    let folder = tempfile::tempdir()?;
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
    fs::write(&certificate, &identity.certificate)?;
    let problem = |certificate, key| {
        Tls::from_files(certificate, key).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(problem(&certificate, &key).contains(&*key.to_string_lossy()));
    assert!(problem(&key, &certificate).contains(&*key.to_string_lossy()));
    fs::write(&key, Identity::new()?.key)?;
    let text = problem(&certificate, &key);
    assert!([&certificate, &key].iter().all(|file| text.contains(&*file.to_string_lossy())));
    Ok(())
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    file.as_file().set_len(1 << 40)?;
    let error = Tls::from_files(file.path(), file.path()).err();
    assert!(
        error.is_some_and(|error| error.to_string().ends_with("more than 1 MiB, and so no PEM"))
    );
    Ok(())
}

#[test]
fn a_key_that_everybody_may_read_is_known() -> Result<()> {
    let identity = Identity::new()?;
    let folder = tempfile::tempdir()?;
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
    fs::write(&certificate, &identity.certificate)?;
    fs::write(&key, &identity.key)?;
    for (mode, is_public) in [(0o600, false), (0o640, false), (0o644, true)] {
        fs::set_permissions(&key, Permissions::from_mode(mode))?;
        assert_eq!(Tls::from_files(&certificate, &key)?.key_is_public(), is_public, "{mode:o}");
    }
    Ok(())
}
