//! `wasi:filesystem`, but for opening what can block.
//!
//! A request thread calls the file system itself, and to open a FIFO is to wait, for as
//! long as it takes, for another process to open its other end. So nothing but regular
//! files and folders can be opened.
//!
//! Between the look and the opening a FIFO could be put in place of a file: by another
//! process, or by a guest where it may write and one is already there. WASI makes none.

use wasmtime::component::{Linker, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    DescriptorFlags, DescriptorType, Host, HostDescriptor, OpenFlags, PathFlags,
};

use super::state::State;

/// The interface, in the version that `wasmtime-wasi` defines.
const TYPES: &str = "wasi:filesystem/types@0.2.12";

/// The parameters of `open-at`.
type Open = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);

/// Replaces the linker's `open-at`, which opens anything.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> Result<()> {
    linker.allow_shadowing(true);
    linker.instance(TYPES)?.func_wrap(
        "[method]descriptor.open-at",
        |mut store: StoreContextMut<'_, State>, arguments: Open| {
            let mut files = store.data_mut().filesystem();
            let opened = open(&mut files, arguments);
            Ok((match opened {
                Ok(descriptor) => Ok(descriptor),
                Err(error) => Err(files.convert_error_code(error)?),
            },))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

fn open(
    files: &mut WasiFilesystemCtxView<'_>,
    (folder, follow, path, how, flags): Open,
) -> FsResult<Resource<Descriptor>> {
    let looked = Resource::new_borrow(folder.rep());
    match files.stat_at(looked, follow, path.clone()).map(|stat| stat.type_) {
        Ok(DescriptorType::RegularFile | DescriptorType::Directory) => {}
        // Without following it, a link is opened to no avail.
        Ok(DescriptorType::SymbolicLink) => {}
        Ok(_) => return Err(ErrorCode::NotPermitted.into()),
        // Not there yet, or out of reach: that is for the opening to say.
        Err(_) => {}
    }
    files.open_at(folder, follow, path, how, flags)
}
