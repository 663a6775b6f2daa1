//! What is in a folder, read as it is asked for.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{DescriptorType, DirectoryEntry};

use super::{Failure, folder};
use crate::Limit;
use crate::descriptors::is_for_others;

/// A folder that is being read.
pub(super) struct Listing(Dir);

pub(super) fn begin(
    files: &mut WasiFilesystemCtxView<'_>,
    (descriptor,): (Resource<Descriptor>,),
) -> Result<Resource<Listing>, Failure> {
    let within = folder(files, &descriptor)?;
    // One of its own, as reading goes on from where it was.
    let options = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = openat(within.dir.as_ref(), ".", options, Mode::empty());
    let opened = opened.map_err(Failure::of)?;
    if is_for_others(&opened) {
        return Err(Failure::Exhausted(Limit::OpenFiles));
    }
    let listing = Dir::new(opened).map_err(Failure::of)?;
    Ok(files.table.push(Listing(listing))?)
}

pub(super) fn next(
    files: &mut WasiFilesystemCtxView<'_>,
    (listing,): (Resource<Listing>,),
) -> Result<Option<DirectoryEntry>, Failure> {
    let Listing(folder) = files.table.get_mut(&listing)?;
    while let Some(entry) = folder.read() {
        let entry = entry.map_err(Failure::of)?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let folder = folder.fd().map_err(Failure::of)?;
                match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    // It is gone already.
                    Err(_) => continue,
                }
            }
            kind => kind,
        };
        let name = name.to_str().map_err(|_| ErrorCode::IllegalByteSequence)?.to_owned();
        return Ok(Some(DirectoryEntry { type_: descriptor_type(kind), name }));
    }
    Ok(None)
}

fn descriptor_type(kind: FileType) -> DescriptorType {
    match kind {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::Unknown => DescriptorType::Unknown,
    }
}
