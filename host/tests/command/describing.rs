//! What the command prints of itself: completions and manual pages.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::running::{FILE, run};

/// What the command prints.
fn print(args: &[&str]) -> Result<String> {
    let (code, printed, said) = run(Command::new(FILE).args(args))?;
    ensure!(code == 0, "{args:?}: {said}");
    Ok(printed)
}

#[test]
fn every_shell_gets_completions() -> Result<()> {
    for shell in ["bash", "zsh", "fish"] {
        let script = print(&["completions", shell])?;
        for word in ["picohttp-host", "max-memory", "compile", "allow-precompiled"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    Ok(())
}

#[test]
fn bash_understands_its_completions() -> Result<()> {
    let script = print(&["completions", "bash"])?;
    let ask = "COMP_WORDS=(picohttp-host call --max-b) COMP_CWORD=2; \
               set -- $(complete -p picohttp-host); until [ $1 = -F ]; do shift; done; \
               $2 picohttp-host --max-b call; echo ${COMPREPLY[@]}";
    let output = Command::new("bash").args(["-c", &format!("{script}\n{ask}")]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), "--max-body-size", "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn every_command_has_a_manual_page() -> Result<()> {
    let page = print(&["man"])?;
    for text in
        [".TH picohttp-host 1", "\\-\\-max\\-memory", "Exit codes", "picohttp\\-host\\-call"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    for command in ["call", "check", "compile", "completions", "man"] {
        let page = print(&["man", command])?;
        assert!(page.contains(&format!("picohttp\\-host\\-{command}")), "{page}");
    }
    assert!(print(&["man", "no-such-command"]).is_err());
    Ok(())
}

#[test]
fn what_is_for_the_program_alone_is_not_shown() -> Result<()> {
    for args in [&["--help"][..], &["man"], &["completions", "bash"], &["completions", "zsh"]] {
        assert!(!print(args)?.contains("compile-stdin"), "{args:?}");
    }
    Ok(())
}
