//! Opens files that can be read again and again: no pipe, no device, and nothing to wait
//! for.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind::FileTooLarge;
use std::io::{self, Read};
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

/// Reads a regular file of at most so many bytes.
///
/// # Errors
///
/// The system's, if something else is there, and [`FileTooLarge`] if there is more.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_open(&open(path)?, most)
}

/// Reads such a file that is open. Its length is believed only to spare the reading: it may grow.
pub(crate) fn read_open(file: &File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut length = file.metadata()?.len();
    if length <= most {
        length = file.take(most.saturating_add(1)).read_to_end(&mut bytes)? as u64;
    }
    match length > most {
        true => Err(io::Error::new(FileTooLarge, format!("larger than {most} bytes"))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_there_may_be() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        io::Write::write_all(&mut file, b"12345").unwrap();
        assert_eq!(read(file.path(), 5).unwrap(), b"12345");
        let error = read(file.path(), 4).unwrap_err();
        assert_eq!((error.kind(), &*error.to_string()), (FileTooLarge, "larger than 4 bytes"));
        assert!(read(Path::new("/dev/zero"), 4).is_err());
        // A file of this kind has a length of 0, and more to read.
        assert_eq!(read(Path::new("/proc/self/status"), 4).unwrap_err().kind(), FileTooLarge);
    }
}
