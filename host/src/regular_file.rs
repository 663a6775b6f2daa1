//! Opens files that can be read again and again: no pipe, no device, and nothing to wait
//! for.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens a regular file to read it.
///
/// # Errors
///
/// The system's, and if something else is there.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // To open a FIFO would be to wait for a writer.
    options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok(file);
    }
    Err(io::Error::other(match metadata.is_dir() {
        true => "a folder, not a file",
        false => "not a regular file; save what it gives as one",
    }))
}
