//! Opens what cannot block.
//!
//! A look comes first, as to open a device can do something already; and as something else
//! may be there a moment later, the opening itself waits for nothing, and what it has opened is
//! looked at again. Only where the system cannot open so (before Linux 5.6, or where a
//! container forbids it) is there a moment in between.
//!
//! Nor do guests open so much that the host is left without descriptors for its clients.

use std::fs::File;
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, Dir, OpenMode, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    DescriptorFlags, DescriptorType, HostDescriptor, OpenFlags, PathFlags,
};

use super::{Failure, paths};

/// The parameters of `open-at`.
pub(super) type Open = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);

pub(super) fn open(
    files: &mut WasiFilesystemCtxView<'_>,
    (folder, follow, path, how, flags): Open,
) -> Result<Resource<Descriptor>, Failure> {
    // Before, as to open a file can be to make it, or to empty it.
    paths::check(&path)?;
    look(files, &folder, follow, &path)?;
    let within = super::folder(files, &folder)?;
    if let Some(opened) = open_within(within, follow, &path, how, flags)? {
        return Ok(files.table.push(opened)?);
    }
    Ok(files.open_at(folder, follow, path, how, flags)?)
}

/// Looks whether something is there that waits, or does something, when it is opened.
pub(super) fn look(
    files: &mut WasiFilesystemCtxView<'_>,
    folder: &Resource<Descriptor>,
    follow: PathFlags,
    path: &str,
) -> Result<(), Failure> {
    let looked = Resource::new_borrow(folder.rep());
    match files.stat_at(looked, follow, path.to_owned()).map(|stat| stat.type_) {
        Ok(DescriptorType::RegularFile | DescriptorType::Directory) => Ok(()),
        // Without following it, a link is opened to no avail.
        Ok(DescriptorType::SymbolicLink) => Ok(()),
        Ok(_) => Err(ErrorCode::NotPermitted.into()),
        // Not there yet, or out of reach: that is for the opening to say.
        Err(_) => Ok(()),
    }
}

/// How often an opening is tried that others' renaming keeps from coming to an end.
const TRIES: u32 = 64;

/// Opens without waiting. `None` where the kernel or its guards know of no such call.
fn open_within(
    folder: &Dir,
    follow: PathFlags,
    path: &str,
    how: OpenFlags,
    flags: DescriptorFlags,
) -> Result<Option<Descriptor>, Failure> {
    let synchronized = DescriptorFlags::FILE_INTEGRITY_SYNC
        | DescriptorFlags::DATA_INTEGRITY_SYNC
        | DescriptorFlags::REQUESTED_WRITE_SYNC;
    if flags.intersects(synchronized) {
        return Err(ErrorCode::Unsupported.into());
    }
    let creates = how.contains(OpenFlags::CREATE);
    let writes = flags.contains(DescriptorFlags::WRITE);
    let changes = creates || writes || how.contains(OpenFlags::TRUNCATE);
    // Who opens for nothing is given something to read, as the system knows no opening for
    // nothing.
    let reads = flags.contains(DescriptorFlags::READ) || !writes;
    let makes = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE;
    if how.contains(OpenFlags::DIRECTORY) && how.intersects(makes) {
        return Err(ErrorCode::Invalid.into());
    }
    if changes && folder.perms.write_not_permitted() {
        return Err(ErrorCode::NotPermitted.into());
    }
    let mut options = OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    options |= match (reads, changes) {
        (true, true) => OFlags::RDWR,
        (_, false) => OFlags::RDONLY,
        (false, true) => OFlags::WRONLY,
    };
    options.set(OFlags::CREATE, creates);
    options.set(OFlags::EXCL, creates && how.contains(OpenFlags::EXCLUSIVE));
    options.set(OFlags::TRUNC, how.contains(OpenFlags::TRUNCATE));
    options.set(OFlags::DIRECTORY, how.contains(OpenFlags::DIRECTORY));
    options.set(OFlags::NOFOLLOW, !follow.contains(PathFlags::SYMLINK_FOLLOW));
    let mode = if creates { Mode::from_raw_mode(0o666) } else { Mode::empty() };
    let Some(file) = open_beneath(folder, path, options, mode)? else { return Ok(None) };
    let kind = file.metadata()?.file_type();
    let mut open_mode = OpenMode::empty();
    open_mode.set(OpenMode::READ, reads);
    open_mode.set(OpenMode::WRITE, changes);
    if kind.is_dir() {
        Ok(Some(Descriptor::Dir(Dir::new(file, folder.perms, open_mode, true))))
    } else if kind.is_file() {
        let file = wasmtime_wasi::filesystem::File::new(file, folder.perms, open_mode, true);
        Ok(Some(Descriptor::File(file)))
    } else {
        Err(ErrorCode::NotPermitted.into())
    }
}

/// Opens what is beneath a folder, as these options say. `None` where the kernel or its guards
/// know of no such call.
pub(super) fn open_beneath(
    folder: &Dir,
    path: &str,
    options: OFlags,
    mode: Mode,
) -> Result<Option<File>, Failure> {
    match try_open(folder, path, options, mode) {
        Err(Errno::NOSYS | Errno::PERM) => Ok(None),
        opened => opened.map(Some).map_err(Failure::of),
    }
}

fn try_open(folder: &Dir, path: &str, options: OFlags, mode: Mode) -> rustix::io::Result<File> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut tries = 0;
    loop {
        tries += 1;
        match openat2(Arc::as_ref(&folder.dir), path, options, mode, resolve) {
            Ok(file) => return Ok(file.into()),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if tries < TRIES => {}
            Err(error) => return Err(error),
        }
    }
}
