//! A compiled component as a file that can be carried elsewhere: a mark, a seal, and machine
//! code.
//!
//! The seal is against damage alone: whoever can write such a file can seal it. So none is
//! loaded unless the engine was told to believe them.

use std::fmt;
use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

use super::engine::Engine;
use super::load::{self, deserialize};
use super::load_error::LoadError;

/// What such a file begins with.
const MARK: &[u8] = b"picohttp compiled component\n";

/// How long the seal is, in bytes.
const SEAL: usize = 32;

/// A component as machine code, for engines like the one that compiled it.
pub struct Compiled(Vec<u8>);

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled").field("size", &self.size()).finish()
    }
}

impl Compiled {
    /// Compiles a component.
    ///
    /// # Errors
    ///
    /// [`LoadError`] if it cannot be compiled. Whether it is a handler is not looked at.
    pub fn new(engine: &Engine, component: &[u8]) -> Result<Compiled, LoadError> {
        load::check_preamble(component)?;
        engine.compile(component).map(Compiled)
    }

    /// How many bytes of code and data there are.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Writes what a file is to hold. An engine that was told to
    /// [`allow_precompiled`](Engine::allow_precompiled) loads it like a component.
    ///
    /// # Errors
    ///
    /// Those of `output`.
    pub fn write(&self, mut output: impl Write) -> io::Result<()> {
        output.write_all(MARK)?;
        output.write_all(&seal(&self.0))?;
        output.write_all(&self.0)
    }

    /// The compiled component.
    pub(super) fn load(
        &self,
        engine: &Engine,
    ) -> Result<wasmtime::component::Component, LoadError> {
        deserialize(engine.inner(), &self.0).map_err(LoadError::invalid)
    }
}

/// Whether these are the bytes of such a file.
pub(super) fn is_compiled(bytes: &[u8]) -> bool {
    bytes.starts_with(MARK)
}

/// The compiled component in such a file.
pub(super) fn load(
    engine: &Engine,
    file: &[u8],
) -> Result<wasmtime::component::Component, LoadError> {
    let sealed = file.strip_prefix(MARK).and_then(|rest| rest.split_at_checked(SEAL));
    match sealed {
        Some((mark, code)) if mark == seal(code) => {
            deserialize(engine.inner(), code).map_err(LoadError::other_engine)
        }
        _ => Err(LoadError::Damaged),
    }
}

fn seal(code: &[u8]) -> [u8; SEAL] {
    Sha256::digest(code).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EngineOptions;

    fn engine() -> Engine {
        Engine::new(&EngineOptions::default()).unwrap()
    }

    fn component() -> Vec<u8> {
        wat::parse_str("(component)").unwrap()
    }

    fn file(compiled: &Compiled) -> Vec<u8> {
        let mut file = Vec::new();
        compiled.write(&mut file).unwrap();
        file
    }

    #[test]
    fn what_is_written_can_be_loaded() {
        let file = file(&Compiled::new(&engine(), &component()).unwrap());
        assert!(is_compiled(&file));
        assert!(load(&engine(), &file).is_ok());
    }

    #[test]
    fn what_is_damaged_anywhere_is_not_loaded() {
        let whole = file(&Compiled::new(&engine(), &component()).unwrap());
        let engine = engine();
        for place in (MARK.len()..whole.len()).step_by(97) {
            let mut file = whole.clone();
            file[place] ^= 1;
            assert!(matches!(load(&engine, &file), Err(LoadError::Damaged)), "at {place}");
            let part = &whole[..place];
            assert!(matches!(load(&engine, part), Err(LoadError::Damaged)), "up to {place}");
        }
    }

    #[test]
    fn what_another_engine_compiled_is_not_loaded() {
        let other = wasmtime::Engine::default();
        let file = file(&Compiled(other.precompile_component(&component()).unwrap()));
        let error = load(&engine(), &file).err().unwrap();
        assert!(matches!(error, LoadError::OtherEngine(_)), "{error}");
    }
}
