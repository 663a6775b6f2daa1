//! What a handler is, and what it may use.

use std::io::ErrorKind;
use std::path::{Path, absolute};

use toml::de::DeValue;

use super::problem::Problems;
use super::table::Table;
use super::text::quoted;
use super::value;
use crate::{Directory, Source};

/// What stands for the embedded handler, in place of a path.
const STATIC: &str = "builtin:static";

/// How many folders a handler may be granted. Each is a descriptor while it is used, and one of
/// the 128 resources that a guest can have.
pub const MAX_DIRECTORIES: usize = 64;

/// What no path begins with.
const BUILTIN: &str = "builtin:";

/// A component's file, a folder that one can be built from, or the embedded handler.
pub(super) fn source(value: &DeValue<'_>, folder: &Path) -> Result<Source, String> {
    let written = value::string(value)?;
    if written == STATIC {
        return Ok(Source::Static);
    } else if written.starts_with(BUILTIN) {
        return Err(format!("there is no {}; there is `{STATIC}`", quoted(&written)));
    }
    let path = folder.join(written);
    let metadata = path.metadata().map_err(|error| format!("{}: {error}", path.display()))?;
    if metadata.is_file() {
        Ok(Source::File(path))
    } else if path.join("Cargo.toml").is_file() {
        Ok(Source::Folder(path))
    } else if metadata.is_dir() {
        Err(format!("{} is a folder without a Cargo.toml", path.display()))
    } else {
        Err(format!("{} is not a regular file", path.display()))
    }
}

/// The variables of `environment`.
pub(super) fn environment(table: &mut Table<'_>, problems: &mut Problems) -> Vec<(String, String)> {
    let Some(table) = table.take_table("environment", problems) else { return Vec::new() };
    table.into_entries(problems, |name, value| {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(format!("{} is not the name of a variable", quoted(name)));
        }
        let value = value::string(value)?;
        if value.contains('\0') {
            return Err("must not have a NUL in it".to_owned());
        }
        Ok((name.to_owned(), value))
    })
}

/// The folders of `dirs`.
pub(super) fn directories(
    table: &mut Table<'_>,
    folder: &Path,
    problems: &mut Problems,
) -> Vec<Directory> {
    let read = |value: &DeValue<'_>| directory(&value::string(value)?, folder);
    let mut directories: Vec<Directory> = Vec::new();
    let list = table.take_list("dirs", problems, read).map(|list| list.value);
    for setting in list.unwrap_or_default() {
        if directories.iter().any(|other| other.guest == setting.value.guest) {
            let guest = quoted(&setting.value.guest);
            problems.add(&setting.place, format!("the handler has another folder as {guest}"));
        }
        if directories.len() == MAX_DIRECTORIES {
            problems.add(&setting.place, format!("there are more than {MAX_DIRECTORIES} folders"));
            break;
        }
        directories.push(setting.value);
    }
    directories
}

/// Reads `HOST[::GUEST[::rw]]`, with HOST relative to `base`. GUEST is HOST as written,
/// unless given. Links in HOST are not resolved.
///
/// # Errors
///
/// A sentence for whoever wrote it.
pub fn directory(text: &str, base: &Path) -> Result<Directory, String> {
    let mut parts = text.split("::");
    let host =
        parts.next().filter(|host| !host.is_empty()).ok_or("the folder's name is missing")?;
    let guest = parts.next().filter(|guest| !guest.is_empty());
    let writable = match (parts.next(), parts.next()) {
        (None, None) | (Some("ro"), None) => false,
        (Some("rw"), None) => true,
        _ => return Err("after HOST::GUEST can only come ::ro or ::rw".to_owned()),
    };
    if let Some(rights @ ("ro" | "rw")) = guest {
        return Err(format!("write {host}::GUEST::{rights}; GUEST is what the handler calls it"));
    }
    let guest = guest.unwrap_or(host);
    if let Some((before, rights @ ("ro" | "rw"))) = guest.rsplit_once(':') {
        return Err(format!("write HOST::GUEST::{rights}, as in {before}::/data::{rights}"));
    }
    let path = base.join(host);
    let unreadable = |error| format!("{}: {error}", path.display());
    let metadata = path.metadata().map_err(|error| match host.split_once(':') {
        Some((host, guest)) if error.kind() == ErrorKind::NotFound => {
            format!("{}: there is no such folder; did you mean {host}::{guest}?", path.display())
        }
        _ => unreadable(error),
    });
    if !metadata?.is_dir() {
        return Err(format!("{} is not a folder", path.display()));
    }
    let host = absolute(&path).map_err(unreadable)?;
    Ok(Directory { host, guest: guest.to_owned(), writable })
}
