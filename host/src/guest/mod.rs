//! Handlers in WebAssembly: load a component once, then instantiate, handle and
//! throw away for each request. The only module that names `wasmtime`.

mod bindings;
mod bounded;
mod cache;
mod clock;
mod compile_stdin;
mod compiled;
mod compiler;
mod component;
mod engine;
mod fault;
mod files;
mod footprint;
mod load;
mod load_error;
mod logging;
mod meter;
mod output;
mod pool;
mod runtime;
mod sandbox;
mod state;
mod wait;

pub use cache::Cache;
pub(crate) use cache::CacheUse;
pub use compile_stdin::compile_stdin;
pub use compiled::Compiled;
pub use compiler::{CompileLimits, Compiler};
pub use component::Component;
pub use engine::{Allocation, Engine, EngineError, EngineOptions};
pub use footprint::Footprint;
pub use load_error::LoadError;
pub use sandbox::{Directory, Sandbox};

pub(crate) use load::read;

use component::Profile;
