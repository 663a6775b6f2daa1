//! `wasi:filesystem`, but for what can block or take long.
//!
//! A request thread calls the file system itself: what it does is on its request's time, and
//! what a file system is slow at costs nobody else. So each call must be over soon. Nothing but
//! regular files and folders can be opened ([`open`]) or have its times set ([`times`]): to
//! open a FIFO is to wait, for as long as it takes, for another process to open its other end.
//! A stream over a file does its reading and writing when it is asked to ([`streams`]), and a
//! folder is read as its entries are asked for ([`listing`]). A path has at most 4095 bytes
//! and 128 parts ([`paths`]). Nobody can wait for the disk. What was granted is opened when a
//! guest asks for it ([`granted`]).

mod granted;
mod listing;
mod open;
mod paths;
mod streams;
mod times;

use std::io;

use rustix::io::Errno;
use wasmtime::component::{
    ComponentNamedList, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::p2::FsError;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{ErrorCode as Told, Host};

use super::fault::shortage;
use super::state::State;
use crate::Limit;
use listing::Listing;

pub(super) use granted::Granted;

/// The interfaces, in the version that `wasmtime-wasi` defines.
const PREOPENS: &str = "wasi:filesystem/preopens@0.2.12";
const TYPES: &str = "wasi:filesystem/types@0.2.12";

/// Why something could not be done.
enum Failure {
    /// The system has too little of something at this moment, such as descriptors.
    Exhausted(Limit),
    /// What the guest is told.
    Error(FsError),
}

impl Failure {
    /// What it is that the system said.
    fn of(error: Errno) -> Failure {
        match (shortage(error), error) {
            (Some(limit), _) => Failure::Exhausted(limit),
            // It leads out of the folder.
            (None, Errno::XDEV) => ErrorCode::NotPermitted.into(),
            (None, error) => io::Error::from(error).into(),
        }
    }
}

impl<T: Into<FsError>> From<T> for Failure {
    fn from(error: T) -> Self {
        Failure::Error(error.into())
    }
}

/// Replaces those functions of the linker that can block or take long.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut preopens = linker.instance(PREOPENS)?;
    preopens.func_wrap("get-directories", |store, ()| Ok((granted::list(store)?,)))?;
    let mut types = linker.instance(TYPES)?;
    replace(&mut types, "[method]descriptor.open-at", open::open)?;
    replace(&mut types, "[method]descriptor.set-times-at", times::set)?;
    replace(&mut types, "[method]descriptor.stat-at", paths::stat)?;
    replace(&mut types, "[method]descriptor.metadata-hash-at", paths::metadata_hash)?;
    replace(&mut types, "[method]descriptor.readlink-at", paths::read_link)?;
    replace(&mut types, "[method]descriptor.create-directory-at", paths::create_directory)?;
    replace(&mut types, "[method]descriptor.remove-directory-at", paths::remove_directory)?;
    replace(&mut types, "[method]descriptor.unlink-file-at", paths::unlink_file)?;
    replace(&mut types, "[method]descriptor.rename-at", paths::rename)?;
    replace(&mut types, "[method]descriptor.link-at", paths::link)?;
    replace(&mut types, "[method]descriptor.symlink-at", paths::symlink)?;
    replace(&mut types, "[method]descriptor.read-via-stream", streams::read_via)?;
    replace(&mut types, "[method]descriptor.write-via-stream", streams::write_via)?;
    replace(&mut types, "[method]descriptor.append-via-stream", streams::append_via)?;
    // How long it takes to write what was written to the kernel's memory, nobody can say.
    replace(&mut types, "[method]descriptor.sync", refuse)?;
    replace(&mut types, "[method]descriptor.sync-data", refuse)?;
    let entries = ResourceType::host::<Listing>();
    types.resource("directory-entry-stream", entries, |mut store, number| {
        store.data_mut().table.delete(Resource::<Listing>::new_own(number))?;
        Ok(())
    })?;
    replace(&mut types, "[method]descriptor.read-directory", listing::begin)?;
    replace(&mut types, "[method]directory-entry-stream.read-directory-entry", listing::next)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Makes a function of the interface do something with a guest's files, and tell the guest
/// what came of it.
fn replace<Parameters, T>(
    interface: &mut LinkerInstance<'_, State>,
    name: &str,
    act: fn(&mut WasiFilesystemCtxView<'_>, Parameters) -> Result<T, Failure>,
) -> Result<()>
where
    Parameters: ComponentNamedList + Lift + 'static,
    T: Lower + 'static,
{
    interface.func_wrap(name, move |mut store: StoreContextMut<'_, State>, parameters| {
        let mut files = store.data_mut().filesystem();
        let told = match act(&mut files, parameters) {
            Ok(done) => Ok(done),
            Err(Failure::Error(error)) => Err(files.convert_error_code(error)?),
            Err(Failure::Exhausted(limit)) => {
                store.data_mut().lacked = Some(limit);
                Err(Told::InsufficientMemory)
            }
        };
        Ok((told,))
    })
}

/// Does nothing, and says so.
fn refuse(_: &mut WasiFilesystemCtxView<'_>, _: (Resource<Descriptor>,)) -> Result<(), Failure> {
    Err(ErrorCode::Unsupported.into())
}

/// The folder of a descriptor.
fn folder<'a>(
    files: &'a WasiFilesystemCtxView<'_>,
    descriptor: &Resource<Descriptor>,
) -> Result<&'a Dir, Failure> {
    match files.table.get(descriptor)? {
        Descriptor::Dir(folder) => Ok(folder),
        Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
    }
}
