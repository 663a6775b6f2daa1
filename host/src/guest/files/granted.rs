//! The folders that a guest was granted, opened when it first asks for them.

use std::os::fd::OwnedFd;
use std::path::{Component, Path};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, open, openat};
use rustix::io::{Errno, retry_on_intr};
use tracing::warn;
use wasmtime::component::Resource;
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{Descriptor, Dir, OpenMode};

use crate::Directory;
use crate::descriptors::is_for_others;
use crate::guest::fault::shortage;
use crate::guest::state::State;

/// A folder, and what the guest calls it.
pub(in crate::guest) type Granted = (Dir, String);

/// The guest's descriptors of all of them. One that cannot be opened is not among them.
pub(super) fn list(
    mut store: StoreContextMut<'_, State>,
) -> Result<Vec<(Resource<Descriptor>, String)>> {
    let state = store.data_mut();
    if state.granted.is_none() {
        state.granted = Some(open_all(state));
    }
    let granted = state.granted.iter().flatten();
    granted
        .map(|(folder, name)| {
            let descriptor = state.table.push(Descriptor::Dir(folder.clone()))?;
            Ok((descriptor, name.clone()))
        })
        .collect()
}

fn open_all(state: &mut State) -> Vec<Granted> {
    let profile = Arc::clone(&state.profile);
    let mut granted = Vec::new();
    for directory in &profile.sandbox.directories {
        match open_one(directory) {
            Ok(folder) => granted.push((folder, directory.guest.clone())),
            Err(error) => {
                warn_of(state, directory, error);
                if let Some(limit) = shortage(error) {
                    // There is no answer without it, and none of the others can be opened.
                    state.lacked = Some(limit);
                    break;
                }
            }
        }
    }
    granted
}

fn open_one(directory: &Directory) -> rustix::io::Result<Dir> {
    let folder = open_without_links(&directory.host)?;
    if is_for_others(&folder) {
        return Err(Errno::MFILE);
    }
    let (perms, mode) = match directory.writable {
        true => (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE),
        false => (FsPerms::ReadOnly, OpenMode::READ),
    };
    Ok(Dir::new(folder.into(), perms, mode, true))
}

/// Opens a folder by a path in which no part is a link.
fn open_without_links(path: &Path) -> rustix::io::Result<OwnedFd> {
    // Who may search a folder need not be able to list it.
    let options = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let start = if path.is_absolute() { "/" } else { "." };
    let mut folder = retry_on_intr(|| open(start, options, Mode::empty()))?;
    for part in path.components() {
        if matches!(part, Component::Normal(_) | Component::ParentDir) {
            let name = part.as_os_str();
            folder = retry_on_intr(|| openat(&folder, name, options, Mode::empty()))?;
        }
    }
    Ok(folder)
}

fn warn_of(state: &State, directory: &Directory, error: Errno) {
    let (origin, request) = (&state.meter.origin, state.request);
    let error = error.to_string();
    let size = error.len() + directory.host.as_os_str().len();
    if origin.account.may_log_fault(origin.record_size(size)) {
        warn!(tenant = origin.tenant(), route = origin.route(), %request, folder = ?directory.host, error, "cannot open a granted folder");
    }
}
