//! Compiles a handler to a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use bytesize::ByteSize;
use picohttp_host::{Compiled, Component, Sandbox, Source};

use crate::cli::Compile;
use crate::engine::engine;
use crate::progress::Line;
use crate::{plan, say};

/// Writes a handler as machine code, once it is known to be one.
pub fn compile(options: &Compile, announce: bool) -> Result<ExitCode> {
    let Compile { handler, output, compile_limits } = options;
    let same = |path: &Path| fs::canonicalize(path).ok();
    let overwrites = same(output).is_some_and(|output| same(handler) == Some(output));
    ensure!(!overwrites, "{} is what is to be compiled; write another file", output.display());
    let engine = engine(&plan::of_compiling(compile_limits))?;
    let source = Source::at(handler);
    let in_file = |error| anyhow!("{}: {error}", handler.display());
    let bytes = source.read()?;
    let began = Instant::now();
    let line = Line::begin(announce, || "compiling".to_owned());
    let compiled = Compiled::new(&engine, &bytes).map_err(in_file)?;
    drop(line);
    let time = began.elapsed();
    // How much memory it may have is said where it is served.
    let widest = Sandbox { max_memory: engine.max_memory(), ..Sandbox::default() };
    Component::from_compiled(&engine, &source.name(), &compiled, widest).map_err(in_file)?;
    let cannot_write = || format!("cannot write {}", output.display());
    write(&compiled, output).with_context(cannot_write)?;
    if announce {
        let size = ByteSize(compiled.size() as u64);
        say(&format!("{}: {size}, compiled in {time:.1?}", output.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a file whole or not at all, as what is there may be served. What is no file, like
/// `/dev/null`, stays what it is.
fn write(compiled: &Compiled, output: &Path) -> io::Result<()> {
    let write_to = |path: &Path| {
        let mut file = BufWriter::new(File::create(path)?);
        compiled.write(&mut file)?;
        file.flush()
    };
    if fs::symlink_metadata(output).is_ok_and(|there| !there.is_file()) {
        return write_to(output);
    }
    let mut unfinished = output.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = Path::new(&unfinished);
    let written = write_to(unfinished).and_then(|()| fs::rename(unfinished, output));
    if written.is_err() {
        let _ = fs::remove_file(unfinished);
    }
    written
}
