//! From bytes to a compiled component, and everything that can be wrong on the way.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker};

use super::cache::Cache;
use super::engine::{Engine, MEMORIES, TABLE_ELEMENTS, TABLES};
use super::output;
use super::sandbox::Sandbox;
use super::state::State;

/// The largest component that is loaded, in bytes.
const MAX_COMPONENT: u64 = 256 << 20;

/// How much of a message that quotes a component is kept, in bytes.
const MAX_QUOTE: usize = 1 << 10;

/// What memory is counted in.
const PAGE: u64 = 64 << 10;

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
    /// The bytes are not WebAssembly.
    NotWasm,
    /// The bytes are WebAssembly text.
    Text,
    /// The bytes are a core module, which has no interface types.
    CoreModule,
    /// The component is larger than 256 MiB.
    TooLarge,
    /// The component is not valid, uses features that are off, or has more parts than any
    /// may have.
    Invalid(String),
    /// The component begins with more of something than it may have.
    Excess {
        /// What that is.
        what: &'static str,
        /// How much it begins with.
        wanted: u64,
        /// How much it may have.
        allowed: u64,
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

    pub(super) fn mismatch(error: wasmtime::Error) -> LoadError {
        LoadError::Mismatch(quote(&format!("{error:#}")))
    }
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LoadError::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            LoadError::InFile(path, error) => write!(f, "{}: {error}", path.display()),
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
            LoadError::TooLarge => {
                write!(f, "the component is over the limit of {MAX_COMPONENT} bytes")
            }
            LoadError::Invalid(message) => {
                write!(f, "the component cannot be run here: {message}")
            }
            LoadError::Excess { what, wanted, allowed } => {
                write!(f, "the component begins with {wanted} {what} and may have {allowed}")
            }
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
                 (cli, clocks, filesystem, io, random, and sockets that refuse)",
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

/// Reads a component file. Its length is believed only to spare the reading: a device
/// has none.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |error| LoadError::Read(path.to_owned(), error);
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut bytes = Vec::new();
    if length <= MAX_COMPONENT {
        file.take(MAX_COMPONENT + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    match length.max(bytes.len() as u64) {
        0..=MAX_COMPONENT => Ok(bytes),
        _ => Err(LoadError::TooLarge.in_file(path)),
    }
}

/// Checks that an engine has room for a sandbox, and that nothing in it gives a guest
/// the host's own power: what is in the cache runs unchecked.
pub(super) fn check_sandbox(
    engine: &Engine,
    sandbox: &Sandbox,
    cache: &Cache,
) -> Result<(), LoadError> {
    for folder in sandbox.directories.iter().filter(|folder| folder.writable) {
        let host = folder.host.canonicalize().unwrap_or_else(|_| folder.host.clone());
        if cache.is_within_reach(&host) {
            return Err(LoadError::CacheWithinReach(host));
        }
    }
    if sandbox.max_memory > engine.max_memory() {
        return Err(LoadError::MemoryOverEngine(sandbox.max_memory, engine.max_memory()));
    }
    Ok(())
}

/// Compiles a component, or takes it from the cache.
pub(super) fn compile(
    engine: &wasmtime::Engine,
    bytes: &[u8],
    cache: &Cache,
) -> Result<Component, LoadError> {
    if bytes.len() as u64 > MAX_COMPONENT {
        return Err(LoadError::TooLarge);
    }
    // The preamble: magic, then a version (16 bits) and a layer (16 bits): 0 for core
    // modules, 1 for components.
    match bytes {
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => return Err(LoadError::CoreModule),
        // How it goes on, the compiler judges.
        [b'\0', b'a', b's', b'm', ..] => {}
        _ => match bytes.trim_ascii_start() {
            [b'(', ..] | [b';', b';', ..] => return Err(LoadError::Text),
            _ => return Err(LoadError::NotWasm),
        },
    }
    if let Some(component) = cache.load(engine, bytes) {
        return Ok(component);
    }
    let component = Component::from_binary(engine, bytes)
        .map_err(|error| LoadError::Invalid(quote(&format!("{error:#}"))))?;
    cache.store(engine, bytes, &component);
    Ok(component)
}

/// Checks that no instance would be refused what it begins with, as far as can be told
/// from one part at a time: what the parts are in sum shows when they are made.
pub(super) fn check_resources(component: &Component, sandbox: &Sandbox) -> Result<(), LoadError> {
    let Some(needed) = component.resources_required() else {
        return Ok(());
    };
    let pages = needed.max_initial_memory_size.unwrap_or_default();
    let elements = needed.max_initial_table_size.unwrap_or_default();
    for (what, wanted, allowed) in [
        ("bytes of memory", pages.saturating_mul(PAGE), sandbox.max_memory as u64),
        ("table elements", elements, TABLE_ELEMENTS as u64),
        ("memories", needed.num_memories.into(), MEMORIES.into()),
        ("tables", needed.num_tables.into(), TABLES.into()),
    ] {
        if wanted > allowed {
            return Err(LoadError::Excess { what, wanted, allowed });
        }
    }
    Ok(())
}

/// Checks that there is a function named `handle`. Its type is checked later.
pub(super) fn check_exports(component: &Component) -> Result<(), LoadError> {
    let engine = component.engine();
    let exports = component.component_type();
    if let Some(ComponentItem::ComponentFunc(_)) =
        exports.get_export(engine, "handle").map(|export| export.ty)
    {
        return Ok(());
    }
    let names = exports.exports(engine).map(|(name, _)| quote(name)).take(20).collect();
    Err(LoadError::NoHandle(names))
}

/// Gives a component its imports, or lists those that there are none for.
pub(super) fn link(
    component: &Component,
    linker: &Linker<State>,
) -> Result<InstancePre<State>, LoadError> {
    let error = match linker.instantiate_pre(component) {
        Ok(linked) => return Ok(linked),
        Err(error) => error,
    };
    let known = |name: &str| {
        let interface = name.split('@').next().unwrap_or(name);
        let package = interface.split('/').next().unwrap_or(interface);
        match package {
            "wasi:cli" | "wasi:clocks" | "wasi:filesystem" | "wasi:io" | "wasi:random"
            | "wasi:sockets" => name.contains("@0.2."),
            _ => interface == "picohttp:handler/types",
        }
    };
    let unknown: Vec<String> = component
        .component_type()
        .imports(component.engine())
        .filter(|(name, _)| !known(name))
        .map(|(name, _)| quote(name))
        .take(20)
        .collect();
    match unknown.as_slice() {
        [] => Err(LoadError::WrongImport(quote(&format!("{error:#}")))),
        _ => Err(LoadError::UnknownImports(unknown)),
    }
}

/// Text out of a component, fit for a terminal: strangers chose it.
pub(super) fn quote(text: &str) -> String {
    output::quote(text, MAX_QUOTE)
}
