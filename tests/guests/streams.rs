//! Uses files as `wasi:filesystem` has them. `/read?path=P` and `/write?path=P` do it by
//! streams, `/flood?path=P` writes more than there is room for, `/flood` does so to its standard
//! output, `/types?path=P` says what is in
//! a folder, and `/touch?path=P` sets times, of a link itself with `&link=1`.

use picohttp::{Request, Response, handler};
use wasip2::cli::stdout::get_stdout;
use wasip2::clocks::wall_clock::Datetime;
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};
use wasip2::io::streams::{OutputStream, StreamError};

#[handler]
fn streams(request: &Request, response: &mut Response) -> Result<(), String> {
    let path = request.query("path").unwrap_or_default();
    let done = match request.path[0].as_str() {
        "read" => read(&path),
        "write" => write(&path),
        "flood" if path.is_empty() => flood(&get_stdout()),
        "flood" => flood_file(&path),
        "types" => types(&path),
        _ => touch(&path, request.query("link").is_none()),
    };
    response.set_text(done.map_err(|error| error.message().to_owned())?);
    Ok(())
}

fn open(path: &str, flags: DescriptorFlags) -> Result<Descriptor, ErrorCode> {
    folder()?.open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), flags)
}

fn folder() -> Result<Descriptor, ErrorCode> {
    let folder = preopens::get_directories().into_iter().next();
    Ok(folder.ok_or(ErrorCode::NoEntry)?.0)
}

fn read(path: &str) -> Result<String, ErrorCode> {
    let stream = open(path, DescriptorFlags::READ)?.read_via_stream(1)?;
    let pieces = [stream.read(0), stream.read(2), stream.blocking_read(100), stream.read(1)];
    let piece = |piece: Result<Vec<u8>, StreamError>| match piece {
        Ok(bytes) => String::from_utf8(bytes).unwrap(),
        Err(error) => format!("{error:?}"),
    };
    Ok(pieces.map(piece).join("|"))
}

fn write(path: &str) -> Result<String, ErrorCode> {
    let file = open(path, DescriptorFlags::WRITE)?;
    let (over, end) = (file.write_via_stream(1)?, file.append_via_stream()?);
    over.write(b"12").unwrap();
    over.write(b"3").unwrap();
    end.blocking_write_and_flush(b"end").unwrap();
    Ok(over.check_write().unwrap().to_string())
}

fn flood_file(path: &str) -> Result<String, ErrorCode> {
    flood(&open(path, DescriptorFlags::WRITE)?.write_via_stream(0)?)
}

fn flood(stream: &OutputStream) -> Result<String, ErrorCode> {
    let room = stream.check_write().unwrap();
    stream.write(&vec![b'x'; room as usize + 1]).unwrap();
    Ok(String::new())
}

fn types(path: &str) -> Result<String, ErrorCode> {
    let listing = open(path, DescriptorFlags::READ)?.read_directory()?;
    let mut entries = Vec::new();
    while let Some(entry) = listing.read_directory_entry()? {
        entries.push(format!("{}: {:?}", entry.name, entry.type_));
    }
    entries.sort();
    Ok(entries.join("\n"))
}

fn touch(path: &str, follow: bool) -> Result<String, ErrorCode> {
    let flags = if follow { PathFlags::SYMLINK_FOLLOW } else { PathFlags::empty() };
    let time = NewTimestamp::Timestamp(Datetime { seconds: 1_000_000_000, nanoseconds: 7 });
    folder()?.set_times_at(flags, path, NewTimestamp::NoChange, time)?;
    Ok(String::new())
}
