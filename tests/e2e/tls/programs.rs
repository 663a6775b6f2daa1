//! Programs that others wrote, as clients. What is not installed is skipped, and said so.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use picohttp_tests::client::Answer;
use tempfile::TempDir;

use super::peer::Identity;
use super::{LARGE, host};

/// Runs a program in a folder that has `certificate.pem`; `None` if it is not installed.
fn run(folder: &TempDir, program: &str, args: &[&str], input: &str) -> Result<Option<Output>> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder.path()).stdin(Stdio::piped());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: {program} is not installed");
        return Ok(None);
    };
    child.stdin.take().context("no input")?.write_all(input.as_bytes())?;
    Ok(Some(child.wait_with_output()?))
}

fn folder_of(identity: &Identity) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("certificate.pem"), &identity.certificate)?;
    Ok(folder)
}

#[test]
fn curl_gets_two_answers_in_one_session() -> Result<()> {
    let identity = Identity::new()?;
    let (host, folder) = (host(&identity)?, folder_of(&identity)?);
    let at = format!("https://localhost:{}", host.address().port());
    let to = format!("::127.0.0.1:{}", host.address().port());
    for version in ["1.2", "1.3"] {
        let same = ["--silent", "--show-error", "--fail", "--max-time", "100"];
        let trust = ["--cacert", "certificate.pem", "--connect-to", &to, "--tls-max", version];
        let targets = [&*format!("{at}/first"), &format!("{at}/large")];
        let told = ["--write-out", "%{stderr}%{num_connects} "];
        let args = [&same[..], &trust, &told, &targets].concat();
        let Some(output) = run(&folder, "curl", &args, "")? else { return Ok(()) };
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        assert_eq!(output.stdout.len(), "first".len() + LARGE);
        assert_eq!(errors, "1 0 ");
    }
    Ok(())
}

#[test]
fn openssl_verifies_and_sees_the_session_ended() -> Result<()> {
    let identity = Identity::new()?;
    let (host, folder) = (host(&identity)?, folder_of(&identity)?);
    let at = host.address().to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        let args = ["s_client", "-quiet", "-verify_return_error", "-CAfile", "certificate.pem"];
        let args = [&args[..], &["-servername", "localhost", "-connect", &at, version]].concat();
        let request = "GET /hello HTTP/1.0\r\n\r\n";
        let Some(output) = run(&folder, "openssl", &args, request)? else { return Ok(()) };
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        assert_eq!(Answer::parse(&output.stdout)?.text(), "hello", "{errors}");
        assert!(!errors.contains("unexpected eof"), "{errors}");
    }
    Ok(())
}
