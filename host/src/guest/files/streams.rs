//! Streams over files, which read and write when they are asked to.
//!
//! `wasmtime-wasi` has them do it ahead, on threads that all guests share: the time that it
//! takes there is on nobody's account, and a file system that hangs would hang those of all.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::io::{Errno, ReadWriteFlags, pwritev2};
use wasmtime::Error;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult,
};
use wasmtime_wasi_io::bytes::{Bytes, BytesMut};

use super::Failure;

/// How many bytes are read or written at once, at most.
const MOST: usize = 64 << 10;

/// Reads a file from a position on.
struct Reader {
    file: Arc<File>,
    position: u64,
    /// Whether it has come to an end, or failed, after which there is nothing more to read.
    closed: bool,
}

/// Writes to a file from a position on, or to its end.
struct Writer {
    file: Arc<File>,
    position: Option<u64>,
    /// Whether a write has failed, after which there is no other.
    closed: bool,
}

pub(super) fn read_via(
    files: &mut WasiFilesystemCtxView<'_>,
    (descriptor, position): (Resource<Descriptor>, u64),
) -> Result<Resource<DynInputStream>, Failure> {
    let Descriptor::File(file) = files.table.get(&descriptor)? else {
        return Err(ErrorCode::IsDirectory.into());
    };
    let stream: DynInputStream =
        Box::new(Reader { file: Arc::clone(&file.file), position, closed: false });
    Ok(files.table.push(stream)?)
}

pub(super) fn write_via(
    files: &mut WasiFilesystemCtxView<'_>,
    (descriptor, position): (Resource<Descriptor>, u64),
) -> Result<Resource<DynOutputStream>, Failure> {
    begin(files, &descriptor, Some(position))
}

pub(super) fn append_via(
    files: &mut WasiFilesystemCtxView<'_>,
    (descriptor,): (Resource<Descriptor>,),
) -> Result<Resource<DynOutputStream>, Failure> {
    begin(files, &descriptor, None)
}

fn begin(
    files: &mut WasiFilesystemCtxView<'_>,
    descriptor: &Resource<Descriptor>,
    position: Option<u64>,
) -> Result<Resource<DynOutputStream>, Failure> {
    let Descriptor::File(file) = files.table.get(descriptor)? else {
        return Err(ErrorCode::BadDescriptor.into());
    };
    if file.perms.write_not_permitted() {
        return Err(ErrorCode::NotPermitted.into());
    }
    let file = Arc::clone(&file.file);
    let stream: DynOutputStream = Box::new(Writer { file, position, closed: false });
    Ok(files.table.push(stream)?)
}

/// Does it again for as long as a signal came in between.
fn uninterrupted<T>(mut act: impl FnMut() -> io::Result<T>) -> StreamResult<T> {
    loop {
        match act() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done.map_err(|error| StreamError::LastOperationFailed(error.into())),
        }
    }
}

#[async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.closed {
            return Err(StreamError::Closed);
        }
        let mut bytes = BytesMut::zeroed(size.min(MOST));
        let read = uninterrupted(|| self.file.read_at(&mut bytes, self.position));
        self.closed = !matches!(read, Ok(count) if count > 0 || size == 0);
        let count = read?;
        if self.closed {
            return Err(StreamError::Closed);
        }
        self.position = self.position.saturating_add(count as u64);
        bytes.truncate(count);
        Ok(bytes.freeze())
    }
}

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {}
}

impl Writer {
    fn write_some(&mut self, bytes: &[u8]) -> StreamResult<usize> {
        let Some(position) = self.position else {
            return uninterrupted(|| append(&self.file, bytes));
        };
        let count = uninterrupted(|| self.file.write_at(bytes, position))?;
        self.position = Some(position.saturating_add(count as u64));
        Ok(count)
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> StreamResult<()> {
        while !bytes.is_empty() {
            match self.write_some(bytes)? {
                0 => {
                    let error = io::Error::from(ErrorKind::WriteZero);
                    return Err(StreamError::LastOperationFailed(error.into()));
                }
                count => bytes = bytes.get(count..).unwrap_or_default(),
            }
        }
        Ok(())
    }
}

fn append(file: &File, bytes: &[u8]) -> io::Result<usize> {
    match pwritev2(file, &[IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND) {
        // Where the system cannot do both at once, another may write in between.
        Err(Errno::NOSYS | Errno::OPNOTSUPP) => file.write_at(bytes, file.metadata()?.len()),
        appended => Ok(appended?),
    }
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if self.check_write()? < bytes.len() {
            return Err(StreamError::Trap(Error::msg("more is written than there is room for")));
        }
        let written = self.write_all(&bytes);
        self.closed = written.is_err();
        written
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check_write().map(|_| ())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        if self.closed { Err(StreamError::Closed) } else { Ok(MOST) }
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}
