//! Why a component cannot be a handler.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::load::{MAX_COMPONENT, quote};

/// The signature that a handler must export.
const HANDLE: &str =
    "handle: func(request: request, args: list<string>) -> result<response, string>";

/// A path as one line, whatever is in it.
fn shown(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

/// Why a component cannot be a handler. Each says what is wrong and how to mend it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {path}: {1}", path = shown(.0))]
    Read(PathBuf, io::Error),
    /// Another variant, in this file.
    #[error("{path}: {1}", path = shown(.0))]
    InFile(PathBuf, Box<LoadError>),
    /// There are no bytes.
    #[error("the file is empty")]
    Empty,
    /// The bytes are not WebAssembly.
    #[error(
        "this is not WebAssembly; a handler is a component (a .wasm file), or a folder with a \
         Cargo.toml to build one from"
    )]
    NotWasm,
    /// The bytes are WebAssembly text.
    #[error(
        "this is WebAssembly text; turn it into a binary first: \
         `wasm-tools parse FILE.wat -o FILE.wasm`"
    )]
    Text,
    /// The bytes are a core module, which has no interface types.
    #[error(
        "this is a core module, not a component; build with \
         `cargo build --target wasm32-wasip2`, or wrap it with \
         `wasm-tools component new FILE.wasm -o COMPONENT.wasm`"
    )]
    CoreModule,
    /// The bytes are a compiled component, which the engine was not told to believe.
    #[error(
        "this is a compiled component: machine code that nobody can check. Use the component that \
         it was made from; or serve it with --allow-precompiled, if nobody else can write this \
         file"
    )]
    Precompiled,
    /// The bytes are a compiled component that is damaged.
    #[error("the compiled component is damaged; make it anew with `compile`")]
    Damaged,
    /// The bytes are a compiled component, for another engine than this.
    #[error(
        "the component was compiled by another version or for another machine: {0}; make it anew \
         with `compile`"
    )]
    OtherEngine(String),
    /// The component is larger than 256 MiB.
    #[error("the component is over the limit of {MAX_COMPONENT} bytes")]
    TooLarge,
    /// The component is not valid, uses features that are off, or has more parts than any
    /// may have.
    #[error("the component cannot be run here: {0}")]
    Invalid(String),
    /// The component was not compiled within this time.
    #[error(
        "the component is not compiled within {}; if it can be trusted, allow more \
         (--compile-timeout)",
        humantime::format_duration(*.0)
    )]
    CompileTime(Duration),
    /// To compile the component takes more than so many bytes of memory.
    #[error(
        "to compile the component takes more than {0} bytes of memory; if it can be trusted, allow \
         more (--compile-memory)"
    )]
    CompileMemory(u64),
    /// The component is larger than so many bytes when it is compiled.
    #[error(
        "the compiled component is over the limit of {0} bytes, which is for one of its size; make \
         it of less code and data"
    )]
    CompiledTooLarge(u64),
    /// The compiler ended so, and said this.
    #[error("the compiler died of the component ({0}); build it anew{said}", said = said(.1))]
    CompilerDied(ExitStatus, String),
    /// Another than this process killed the compiler.
    #[error(
        "the compiler was killed, as happens where memory runs out (a container's limit, \
         MemoryMax=); allow more, or compile less at once, and reload"
    )]
    CompilerKilled,
    /// The compiler cannot be run.
    #[error("no compiler can be run: {0}; see to it that this program may start itself")]
    NoCompiler(io::Error),
    /// The component begins with more of something than it may have.
    #[error("the component begins with {wanted} {what} and may have {allowed}; {remedy}")]
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
    #[error(
        "the component does not export `handle`; it exports {}; expected is `{HANDLE}` of the world \
         picohttp:handler/plugin",
        list(.0)
    )]
    NoHandle(Vec<String>),
    /// There is a `handle`, but it is not a handler's.
    #[error(
        "the component is not a picohttp handler: {0}; expected is `{HANDLE}` of the world \
         picohttp:handler/plugin"
    )]
    Mismatch(String),
    /// These imports are nothing that the host can give.
    #[error(
        "the component imports what this host cannot give: {}; it gives WASI 0.2 (cli, clocks, \
         filesystem, io, random, and sockets that refuse) and wasi:logging@0.1.0-draft",
        list(.0)
    )]
    UnknownImports(Vec<String>),
    /// An import that the host can give, the component wants otherwise.
    #[error("the component wants an import that is not as it expects: {0}")]
    WrongImport(String),
    /// The sandbox allows more memory, in bytes, than the engine has room for.
    #[error("the handler may have {0} bytes of memory but the engine has room for {1}")]
    MemoryOverEngine(usize, usize),
    /// The sandbox grants the writing of this folder, and with it of compiled components.
    #[error(
        "the handler may write in {0}, and so change the compiled handlers kept there; grant it \
         another folder, or keep them elsewhere (--cache-dir, --no-cache)"
    )]
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

/// What a compiler said, as the end of a message.
fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(". It said: {text}") }
}

/// The names of imports or exports.
fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => format!("`{}`", names.join("`, `")),
    }
}
