//! What is done by a path, whose length is bounded first.
//!
//! Where the system cannot look beneath a folder by itself (before Linux 5.6, or where a
//! container forbids it), `wasmtime-wasi` goes through a path part by part, and holds a
//! descriptor for each: a path of megabytes would take seconds, and all descriptors.

use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    DescriptorStat, HostDescriptor, MetadataHashValue, PathFlags,
};

use super::Failure;
use crate::Limit;
use crate::descriptors::are_left_for_guests;

/// How long a path may be, in bytes: as for Linux itself (`PATH_MAX`).
const MAX_PATH: usize = 4096;

/// How many parts it may have: as many as a guest may have resources.
const MAX_PARTS: usize = 128;

type Files<'a> = WasiFilesystemCtxView<'a>;
type Folder = Resource<Descriptor>;

/// Whether something can be done by a path, with a descriptor that is left.
pub(super) fn check(path: &str) -> Result<(), Failure> {
    if path.len() >= MAX_PATH || path.split('/').count() > MAX_PARTS {
        Err(ErrorCode::NameTooLong.into())
    } else if !are_left_for_guests() {
        Err(Failure::Exhausted(Limit::OpenFiles))
    } else {
        Ok(())
    }
}

pub(super) fn stat(
    files: &mut Files<'_>,
    (folder, follow, path): (Folder, PathFlags, String),
) -> Result<DescriptorStat, Failure> {
    check(&path)?;
    Ok(files.stat_at(folder, follow, path)?)
}

pub(super) fn metadata_hash(
    files: &mut Files<'_>,
    (folder, follow, path): (Folder, PathFlags, String),
) -> Result<MetadataHashValue, Failure> {
    check(&path)?;
    Ok(files.metadata_hash_at(folder, follow, path)?)
}

pub(super) fn read_link(
    files: &mut Files<'_>,
    (folder, path): (Folder, String),
) -> Result<String, Failure> {
    check(&path)?;
    Ok(files.readlink_at(folder, path)?)
}

pub(super) fn create_directory(
    files: &mut Files<'_>,
    (folder, path): (Folder, String),
) -> Result<(), Failure> {
    check(&path)?;
    Ok(files.create_directory_at(folder, path)?)
}

pub(super) fn remove_directory(
    files: &mut Files<'_>,
    (folder, path): (Folder, String),
) -> Result<(), Failure> {
    check(&path)?;
    Ok(files.remove_directory_at(folder, path)?)
}

pub(super) fn unlink_file(
    files: &mut Files<'_>,
    (folder, path): (Folder, String),
) -> Result<(), Failure> {
    check(&path)?;
    Ok(files.unlink_file_at(folder, path)?)
}

pub(super) fn rename(
    files: &mut Files<'_>,
    (folder, path, new_folder, new_path): (Folder, String, Folder, String),
) -> Result<(), Failure> {
    check(&path)?;
    check(&new_path)?;
    Ok(files.rename_at(folder, path, new_folder, new_path)?)
}

pub(super) fn link(
    files: &mut Files<'_>,
    (folder, follow, path, new_folder, new_path): (Folder, PathFlags, String, Folder, String),
) -> Result<(), Failure> {
    check(&path)?;
    check(&new_path)?;
    Ok(files.link_at(folder, follow, path, new_folder, new_path)?)
}

pub(super) fn symlink(
    files: &mut Files<'_>,
    (folder, target, path): (Folder, String, String),
) -> Result<(), Failure> {
    check(&target)?;
    check(&path)?;
    Ok(files.symlink_at(folder, target, path)?)
}
