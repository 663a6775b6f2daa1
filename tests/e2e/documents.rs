//! The project's documents, as one who follows their links reads them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use picohttp_tests::guests::root;

/// The files in a folder and below whose names end with `.md`.
fn documents(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(documents(&path)?);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The file that a link leads to, if it leads to one.
fn target(link: &str) -> Option<&str> {
    let file = link.split('#').next().unwrap_or_default();
    (!file.is_empty() && !file.contains("://")).then_some(file)
}

#[test]
fn every_link_leads_to_what_is_there() -> Result<()> {
    let mut links = 0;
    for document in documents(root())? {
        let (text, folder) = (fs::read_to_string(&document)?, document.parent().unwrap_or(root()));
        let ends = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for file in ends.filter_map(target) {
            links += 1;
            ensure!(folder.join(file).exists(), "{}: {file} is not there", document.display());
        }
    }
    ensure!(links > 50, "only {links} links");
    Ok(())
}
