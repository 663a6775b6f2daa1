//! The certificate and its key, and the token of operators, as files.

use std::fs;

use anyhow::{Result, ensure};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::confinement::{check, folder};

#[test]
fn a_check_reads_the_certificate_and_the_token() -> Result<()> {
    let server = "admin_addr = '127.0.0.1:0'\nadmin_token_file = 'token'\ntls_cert = 'certificate.pem'\ntls_key = 'key.pem'";
    let folder = folder(server)?;
    for name in ["token", "certificate.pem", "key.pem"] {
        fs::write(folder.path(name), "")?;
    }
    let (code, said) = check(&folder)?;
    assert_eq!(code, 1, "{said}");
    let certificate = ": server.tls_cert: there is no certificate in ";
    ensure!(said.contains(certificate), "{said}");
    let token = folder.path("token");
    let token = format!(": server.admin_token_file: {}: the token is empty", token.display());
    ensure!(said.contains(&token), "{said}");
    fs::write(folder.path("token"), "two\nlines\n")?;
    let (_, said) = check(&folder)?;
    ensure!(said.contains("token is not one word of ASCII letters"), "{said}");
    Ok(())
}

#[test]
fn a_certificate_that_clients_refuse_is_warned_of() -> Result<()> {
    let folder = folder("tls_cert = 'all.pem'\ntls_key = 'all.pem'")?;
    let warned = |last| -> Result<bool> {
        let mut params = CertificateParams::new(["localhost".to_owned()])?;
        (params.not_before, params.not_after) =
            (date_time_ymd(2000, 1, 1), date_time_ymd(last, 1, 1));
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        fs::write(folder.path("all.pem"), format!("{certificate}{}", key.serialize_pem()))?;
        let (code, said) = check(&folder)?;
        assert_eq!(code, 0, "{said}");
        Ok(said.contains("clients refuse the certificate now; renew it")
            && said.contains("validity=2000-01-01T00:00:00Z to 2001-01-01T00:00:00Z"))
    };
    ensure!(warned(2001)?);
    ensure!(!warned(3000)?);
    Ok(())
}

#[test]
fn of_one_file_with_all_it_is_the_certificate_that_is_missing_first() -> Result<()> {
    let folder = folder("tls_cert = 'all.pem'\ntls_key = 'all.pem'")?;
    fs::write(folder.path("all.pem"), "")?;
    let (_, said) = check(&folder)?;
    ensure!(said.contains(": server.tls_cert: there is no certificate in "), "{said}");
    Ok(())
}
