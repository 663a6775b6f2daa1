//! Why a component cannot be a handler.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::load::{MAX_COMPONENT, quote};

/// The signature that a handler must export.
const HANDLE: &str =
    "handle: func(request: request, args: list<string>) -> result<response, string>";

/// Why a component cannot be a handler. Each says what is wrong and how to mend it.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    Read(PathBuf, io::Error),
    /// Another variant, in this file.
    InFile(PathBuf, Box<LoadError>),
    /// There are no bytes.
    Empty,
    /// The bytes are not WebAssembly.
    NotWasm,
    /// The bytes are WebAssembly text.
    Text,
    /// The bytes are a core module, which has no interface types.
    CoreModule,
    /// The bytes are a compiled component, which the engine was not told to believe.
    Precompiled,
    /// The bytes are a compiled component that is damaged.
    Damaged,
    /// The bytes are a compiled component, for another engine than this.
    OtherEngine(String),
    /// The component is larger than 256 MiB.
    TooLarge,
    /// The component is not valid, uses features that are off, or has more parts than any
    /// may have.
    Invalid(String),
    /// The component was not compiled within this time.
    CompileTime(Duration),
    /// To compile the component takes more than so many bytes of memory.
    CompileMemory(u64),
    /// The component is larger than so many bytes when it is compiled.
    CompiledTooLarge(u64),
    /// The compiler ended so, and said this.
    CompilerDied(ExitStatus, String),
    /// Another than this process killed the compiler.
    CompilerKilled,
    /// The compiler cannot be run.
    NoCompiler(io::Error),
    /// The component begins with more of something than it may have.
    Excess {
        /// What that is.
        what: &'static str,
        /// How much it begins with.
        wanted: u64,
        /// How much it may have.
        allowed: u64,
        /// How to mend it.
        remedy: &'static str,
    },
    /// There is no function `handle` among these exports.
    NoHandle(Vec<String>),
    /// There is a `handle`, but it is not a handler's.
    Mismatch(String),
    /// These imports are nothing that the host can give.
    UnknownImports(Vec<String>),
    /// An import that the host can give, the component wants otherwise.
    WrongImport(String),
    /// The sandbox allows more memory, in bytes, than the engine has room for.
    MemoryOverEngine(usize, usize),
    /// The sandbox grants the writing of this folder, and with it of compiled components.
    CacheWithinReach(PathBuf),
}

impl LoadError {
    pub(crate) fn in_file(self, path: &Path) -> LoadError {
        LoadError::InFile(path.to_owned(), Box::new(self))
    }

    pub(super) fn invalid(error: wasmtime::Error) -> LoadError {
        LoadError::Invalid(quote(&format!("{error:#}")))
    }

    pub(super) fn other_engine(error: wasmtime::Error) -> LoadError {
        LoadError::OtherEngine(quote(&format!("{error:#}")))
    }

    pub(super) fn mismatch(error: wasmtime::Error) -> LoadError {
        LoadError::Mismatch(quote(&format!("{error:#}")))
    }
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoadError::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            LoadError::InFile(path, error) => write!(f, "{}: {error}", path.display()),
            LoadError::Empty => f.write_str("the file is empty"),
            LoadError::NotWasm => f.write_str(
                "this is not WebAssembly; a handler is a component (a .wasm file), or a folder \
                 with a Cargo.toml to build one from",
            ),
            LoadError::Text => f.write_str(
                "this is WebAssembly text; turn it into a binary first: \
                 `wasm-tools parse FILE.wat -o FILE.wasm`",
            ),
            LoadError::CoreModule => f.write_str(
                "this is a core module, not a component; build with \
                 `cargo build --target wasm32-wasip2`, or wrap it with \
                 `wasm-tools component new FILE.wasm -o COMPONENT.wasm`",
            ),
            LoadError::Precompiled => f.write_str(
                "this is a compiled component: machine code that nobody can check. Use the \
                 component that it was made from; or serve it with --allow-precompiled, if nobody \
                 else can write this file",
            ),
            LoadError::Damaged => {
                f.write_str("the compiled component is damaged; make it anew with `compile`")
            }
            LoadError::OtherEngine(message) => write!(
                f,
                "the component was compiled by another version or for another machine: {message}; \
                 make it anew with `compile`"
            ),
            LoadError::TooLarge => {
                write!(f, "the component is over the limit of {MAX_COMPONENT} bytes")
            }
            LoadError::Invalid(message) => {
                write!(f, "the component cannot be run here: {message}")
            }
            LoadError::CompileTime(limit) => write!(
                f,
                "the component is not compiled within {}; if it can be trusted, allow more \
                 (--compile-timeout)",
                humantime::format_duration(*limit)
            ),
            LoadError::CompileMemory(limit) => write!(
                f,
                "to compile the component takes more than {limit} bytes of memory; if it can be \
                 trusted, allow more (--compile-memory)"
            ),
            LoadError::CompiledTooLarge(limit) => write!(
                f,
                "the compiled component is over the limit of {limit} bytes, which is for one of \
                 its size; make it of less code and data"
            ),
            LoadError::CompilerDied(status, said) => {
                write!(f, "the compiler died of the component ({status}); build it anew")?;
                if said.is_empty() { Ok(()) } else { write!(f, ". It said: {said}") }
            }
            LoadError::CompilerKilled => f.write_str(
                "the compiler was killed, as happens where memory runs out (a container's limit, \
                 MemoryMax=); allow more, or compile less at once, and reload",
            ),
            LoadError::NoCompiler(error) => write!(
                f,
                "no compiler can be run: {error}; see to it that this program may start itself"
            ),
            LoadError::Excess { what, wanted, allowed, remedy } => write!(
                f,
                "the component begins with {wanted} {what} and may have {allowed}; {remedy}"
            ),
            LoadError::NoHandle(exports) => {
                write!(f, "the component does not export `handle`; it exports ")?;
                match exports.as_slice() {
                    [] => f.write_str("nothing")?,
                    exports => write!(f, "`{}`", exports.join("`, `"))?,
                }
                write!(f, "; expected is `{HANDLE}` of the world picohttp:handler/plugin")
            }
            LoadError::Mismatch(message) => write!(
                f,
                "the component is not a picohttp handler: {message}; expected is `{HANDLE}` of \
                 the world picohttp:handler/plugin"
            ),
            LoadError::UnknownImports(imports) => write!(
                f,
                "the component imports what this host cannot give: `{}`; it gives WASI 0.2 \
                 (cli, clocks, filesystem, io, random, and sockets that refuse) and \
                 wasi:logging@0.1.0-draft",
                imports.join("`, `")
            ),
            LoadError::WrongImport(message) => {
                write!(f, "the component wants an import that is not as it expects: {message}")
            }
            LoadError::MemoryOverEngine(wanted, room) => write!(
                f,
                "the handler may have {wanted} bytes of memory but the engine has room for {room}"
            ),
            LoadError::CacheWithinReach(folder) => write!(
                f,
                "the handler may write in {}, and so change the compiled handlers kept there; \
                 grant it another folder, or keep them elsewhere (--cache-dir, --no-cache)",
                folder.display()
            ),
        }
    }
}

impl std::error::Error for LoadError {}
