//! From bytes to a compiled component that is known to be a handler.

use std::io::ErrorKind;
use std::path::Path;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, InstancePre, Linker};

use super::cache::{Cache, Entry};
use super::compiled;
use super::engine::Engine;
use super::load_error::LoadError;
use super::logging;
use super::pool::{TABLE_ELEMENTS, TABLES};
use super::sandbox::Sandbox;
use super::state::State;
use crate::{regular_file, text};

/// The largest component that is loaded, in bytes.
pub(super) const MAX_COMPONENT: u64 = 256 << 20;

/// The largest compiled component, in bytes.
pub(super) const MAX_COMPILED: u64 = 256 << 20;

/// How much of a message that quotes a component is kept, in bytes.
const MAX_QUOTE: usize = 1 << 10;

/// What memory is counted in.
const PAGE: u64 = 64 << 10;

/// Reads a component file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    regular_file::read(path, MAX_COMPONENT).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => LoadError::TooLarge.in_file(path),
        _ => LoadError::Read(path.to_owned(), error),
    })
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
    engine: &Engine,
    bytes: &[u8],
    cache: &Cache,
) -> Result<Component, LoadError> {
    let entry = match kept(engine, bytes, cache)? {
        Kept::Compiled(component) => return Ok(component),
        Kept::Not(entry) => entry,
    };
    cache.count_miss(entry.as_ref());
    let compiled = engine.compile(bytes)?;
    let component = deserialize(engine.inner(), &compiled).map_err(LoadError::invalid)?;
    cache.store(entry.as_ref(), &compiled);
    Ok(component)
}

/// Takes a component from the cache, if it is there, or from a file that is one of its kind.
pub(super) fn compiled_before(
    engine: &Engine,
    bytes: &[u8],
    cache: &Cache,
) -> Result<Option<Component>, LoadError> {
    kept(engine, bytes, cache).map(|kept| match kept {
        Kept::Compiled(component) => Some(component),
        Kept::Not(_) => None,
    })
}

/// What there is of a component that may have been compiled before.
enum Kept {
    Compiled(Component),
    /// Nothing; where it is to be kept, if it is.
    Not(Option<Entry>),
}

fn kept(engine: &Engine, bytes: &[u8], cache: &Cache) -> Result<Kept, LoadError> {
    if engine.believes_precompiled() && compiled::is_compiled(bytes) {
        return compiled::load(engine, bytes).map(Kept::Compiled);
    }
    check_preamble(bytes)?;
    let entry = cache.entry(engine.inner(), bytes);
    let component = cache.load(engine.inner(), entry.as_ref());
    Ok(component.map_or_else(|| Kept::Not(entry), Kept::Compiled))
}

/// Checks what can be told at a glance. All else, the compiler judges: to look closer takes
/// time, and how much is up to the component.
pub(super) fn check_preamble(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() as u64 > MAX_COMPONENT {
        return Err(LoadError::TooLarge);
    }
    // Magic, then a version (16 bits) and a layer (16 bits): 0 for core modules, 1 for
    // components.
    match bytes {
        [] => Err(LoadError::Empty),
        [b'\0', b'a', b's', b'm', _, _, 0, 0, ..] => Err(LoadError::CoreModule),
        [b'\0', b'a', b's', b'm', ..] => Ok(()),
        _ if compiled::is_compiled(bytes) => Err(LoadError::Precompiled),
        _ => match bytes.trim_ascii_start() {
            [b'(', ..] | [b';', b';', ..] => Err(LoadError::Text),
            _ => Err(LoadError::NotWasm),
        },
    }
}

/// Loads a compiled component.
#[expect(unsafe_code, reason = "compiled components are trusted code by nature")]
pub(super) fn deserialize(
    engine: &wasmtime::Engine,
    compiled: &[u8],
) -> wasmtime::Result<Component> {
    // SAFETY: the bytes are what wasmtime's compiler gave a process of this user. Either
    // this engine's compiler has just made them, or the cache has read them from a file that
    // only this user can write, and their seal is right for this component under the
    // engine's version and settings. Or else whoever runs this process has told the engine to
    // believe such bytes wherever they come from. wasmtime checks version and settings again.
    unsafe { Component::deserialize(engine, compiled) }
}

/// Checks that no instance would be refused what it begins with, as far as can be told
/// from one part at a time: what the parts are in sum shows when they are made.
pub(super) fn check_resources(
    engine: &Engine,
    component: &Component,
    sandbox: &Sandbox,
) -> Result<(), LoadError> {
    let Some(needed) = component.resources_required() else {
        return Ok(());
    };
    let pages = needed.max_initial_memory_size.unwrap_or_default();
    let elements = needed.max_initial_table_size.unwrap_or_default();
    let (memory, less) = ("allow more (`max_memory`, --max-memory)", "build it with less");
    for (what, wanted, allowed, remedy) in [
        ("bytes of memory", pages.saturating_mul(PAGE), sandbox.max_memory as u64, memory),
        ("table elements", elements, TABLE_ELEMENTS as u64, less),
        ("memories", needed.num_memories.into(), engine.memories().into(), less),
        ("tables", needed.num_tables.into(), TABLES.into(), less),
    ] {
        if wanted > allowed {
            return Err(LoadError::Excess { what, wanted, allowed, remedy });
        }
    }
    Ok(())
}

/// Checks that what is named `handle` is a function. Its type is checked later.
pub(super) fn check_exports(component: &Component) -> Result<(), LoadError> {
    let engine = component.engine();
    let exports = component.component_type();
    match exports.get_export(engine, "handle").map(|export| export.ty) {
        Some(ComponentItem::ComponentFunc(_)) => return Ok(()),
        Some(_) => return Err(LoadError::Mismatch("its `handle` is no function".to_owned())),
        None => {}
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
            _ => interface == "picohttp:handler/types" || logging::INTERFACES.contains(&name),
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
    text::quote(text, MAX_QUOTE)
}
