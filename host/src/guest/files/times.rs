//! Sets the times of a file by its path, without opening it.

use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};
use rustix::io::Errno;
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::bindings::sync::filesystem::types::{
    HostDescriptor, NewTimestamp, PathFlags,
};

use super::open::{look, open_beneath};
use super::{Failure, folder, paths};

/// The parameters of `set-times-at`.
pub(super) type SetTimes = (Resource<Descriptor>, PathFlags, String, NewTimestamp, NewTimestamp);

pub(super) fn set(
    files: &mut WasiFilesystemCtxView<'_>,
    (descriptor, follow, path, access, modification): SetTimes,
) -> Result<(), Failure> {
    paths::check(&path)?;
    look(files, &descriptor, follow, &path)?;
    let within = folder(files, &descriptor)?;
    if within.perms.write_not_permitted() {
        return Err(ErrorCode::NotPermitted.into());
    }
    let times =
        Timestamps { last_access: timespec(access)?, last_modification: timespec(modification)? };
    let mut options = OFlags::PATH | OFlags::CLOEXEC;
    options.set(OFlags::NOFOLLOW, !follow.contains(PathFlags::SYMLINK_FOLLOW));
    if let Some(file) = open_beneath(within, &path, options, Mode::empty())? {
        match utimensat(file, "", &times, AtFlags::EMPTY_PATH) {
            // Before Linux 5.8 that needs the path.
            Err(Errno::INVAL | Errno::NOSYS) => {}
            set => return set.map_err(Failure::of),
        }
    }
    Ok(files.set_times_at(descriptor, follow, path, access, modification)?)
}

fn timespec(time: NewTimestamp) -> Result<Timespec, Failure> {
    let special = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    match time {
        NewTimestamp::NoChange => Ok(special(UTIME_OMIT)),
        NewTimestamp::Now => Ok(special(UTIME_NOW)),
        NewTimestamp::Timestamp(time) if time.nanoseconds < 1_000_000_000 => {
            let seconds = i64::try_from(time.seconds).map_err(|_| ErrorCode::Overflow)?;
            Ok(Timespec { tv_sec: seconds, tv_nsec: time.nanoseconds.into() })
        }
        NewTimestamp::Timestamp(_) => Err(ErrorCode::Invalid.into()),
    }
}
