//! The engine: one per process, shared by every component.
//!
//! It owns the pool of instance slots and the [`clock`] that stops runaways. Slots are
//! reset, not unmapped, between requests: where the kernel can tell which pages a
//! guest has written (Linux 6.7, `PAGEMAP_SCAN`), only those are restored and they
//! stay resident, so that a fresh instance takes no page faults.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use tracing::{debug, warn};
use wasmtime::component::Linker;
use wasmtime::{Config, InstanceAllocationStrategy, OptLevel, Result, WasmFeatures};

use super::clock::{self, Clock};
use super::compiler::Compiler;
use super::load_error::LoadError;
use super::pool::{memories, pool};
use super::runtime::Runtime;
use super::state::State;
use super::{files, logging, wait};
use crate::config::Plan;
use crate::config::units::MEMORY;

/// How large a memory's image may be that is mostly made of what nobody wrote, in bytes. A
/// component of a kilobyte can ask for as many as it likes, and they are made when it is
/// compiled.
const MAX_SPARSE_IMAGE: u64 = 64 << 10;

/// How deep a guest's stack may be. Request threads have four times as much.
const WASM_STACK: usize = 512 << 10;

/// What an [`Engine`] must have room for.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// How many instances may live at once: the server's
    /// [`max_concurrent_requests`](crate::HttpServer::max_concurrent_requests).
    pub instances: u32,
    /// How many components there will be, as far as is known. A component is instantiated
    /// fastest where it was before, and with so many places each can keep one.
    pub components: u32,
    /// The largest memory that any one instance may have, in bytes.
    pub max_memory: usize,
    /// How instance slots are allocated; `None` probes for the fastest way that this
    /// machine supports.
    pub allocation: Option<Allocation>,
}

impl Default for EngineOptions {
    /// Room for 64 instances of 64 MiB, of one component.
    fn default() -> Self {
        EngineOptions { instances: 64, components: 1, max_memory: 64 << 20, allocation: None }
    }
}

impl EngineOptions {
    /// Room for all that a plan names.
    pub fn of_plan(plan: &Plan) -> EngineOptions {
        let sources: HashSet<_> = plan.routes().map(|route| &route.source).collect();
        EngineOptions {
            instances: u32::try_from(plan.server.max_concurrent_requests).unwrap_or(u32::MAX),
            components: u32::try_from(sources.len()).unwrap_or(u32::MAX),
            // Each route has a bound of its own, and room that is only reserved costs nothing.
            max_memory: *MEMORY.end(),
            ..EngineOptions::default()
        }
    }
}

/// How instance slots are allocated, fastest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool; the kernel tells which pages to reset (Linux 6.7).
    PoolingPagemap,
    /// From a pool; the first pages are reset and the others given back.
    Pooling,
    /// Mapped for each instance anew.
    OnDemand,
}

impl fmt::Display for Allocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Allocation::PoolingPagemap => "pooling with page-map scanning",
            Allocation::Pooling => "pooling",
            Allocation::OnDemand => "on demand",
        })
    }
}

/// Why there is no engine: what this machine lacks for one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot start the engine: {0}")]
pub struct EngineError(String);

/// Compiles and runs components.
///
/// A process needs one, and clones of it are the same. What it does to the process:
///
/// - It reserves address space, which costs no memory: for each of its `instances` some
///   16 GiB. Where there is not so much, instances are made on demand, at a fraction of the speed;
///   the log says so, and [`Engine::allocation`].
/// - It has two threads for its clock, and those of a runtime for what waits in imports.
/// - It handles the signals with which a processor reports a guest's traps, such as SIGSEGV,
///   SIGILL and SIGFPE, and leaves those that are not a guest's to whoever had them before.
/// - It **aborts the process** if its clock stands still for 5 seconds while guests run: nothing
///   else can end them.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    /// What components may import.
    linker: Arc<Linker<State>>,
    runtime: Arc<Runtime>,
    clock: Clock,
    compiler: Compiler,
    max_memory: usize,
    memories: u32,
    allocation: Allocation,
    believes_precompiled: bool,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("allocation", &self.allocation)
            .field("compiler", &self.compiler)
            .field("max_memory", &self.max_memory)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Makes an engine and starts its clock. It compiles in this process, unless it is
    /// given another [`compiler`](Engine::compiler).
    ///
    /// # Errors
    ///
    /// [`EngineError`] when this machine can host no engine at all: no memory to reserve, or no
    /// threads for the clock and for what waits in imports.
    pub fn new(options: &EngineOptions) -> Result<Engine, EngineError> {
        Engine::start(options).map_err(|error| EngineError(format!("{error:#}")))
    }

    fn start(options: &EngineOptions) -> Result<Engine> {
        let (inner, allocation) = match options.allocation {
            Some(allocation) => (wasmtime::Engine::new(&config(options, allocation))?, allocation),
            None => probe(options)?,
        };
        debug!(%allocation, "the engine is ready");
        let clock = clock::start(&inner)?;
        let runtime = Arc::new(Runtime::start()?);
        let mut linker = Linker::new(&inner);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        wait::add_to_linker(&mut linker)?;
        files::add_to_linker(&mut linker)?;
        logging::add_to_linker(&mut linker)?;
        let linker = Arc::new(linker);
        let (compiler, max_memory) = (Compiler::in_process(), options.max_memory);
        let believes_precompiled = false;
        Ok(Engine {
            inner,
            linker,
            runtime,
            clock,
            compiler,
            max_memory,
            memories: memories(options.instances.max(1)),
            allocation,
            believes_precompiled,
        })
    }

    /// The same engine with another compiler.
    pub fn compiler(self, compiler: Compiler) -> Engine {
        Engine { compiler, ..self }
    }

    /// The same engine, which loads what [`Compiled::write`](crate::Compiled::write) has
    /// written, too, if `allowed`. That is machine code, and nobody can check what it does:
    /// whoever can write one of its files can do what this process can.
    pub fn allow_precompiled(self, allowed: bool) -> Engine {
        Engine { believes_precompiled: allowed, ..self }
    }

    /// How instances are allocated on this machine.
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    /// The largest memory that an instance may have, in bytes.
    pub fn max_memory(&self) -> usize {
        self.max_memory
    }

    /// How many memories an instance can have.
    pub(super) fn memories(&self) -> u32 {
        self.memories
    }

    /// The same engine, whose compiler lets all others go first if it can.
    pub(crate) fn compiling_last(&self) -> Engine {
        self.clone().compiler(self.compiler.going_last())
    }

    /// The compiled form of a component.
    pub(super) fn compile(&self, component: &[u8]) -> Result<Vec<u8>, LoadError> {
        self.compiler.compile(&self.inner, component)
    }

    pub(super) fn believes_precompiled(&self) -> bool {
        self.believes_precompiled
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn linker(&self) -> &Linker<State> {
        &self.linker
    }

    pub(super) fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }
}

/// Reserving a pool can fail for many reasons (address space, overcommit, an old
/// kernel), and trying is the one test that covers them all.
fn probe(options: &EngineOptions) -> Result<(wasmtime::Engine, Allocation)> {
    for allocation in [Allocation::PoolingPagemap, Allocation::Pooling] {
        // Places to spare are only for speed.
        for components in [options.components, 1] {
            let options = EngineOptions { components, ..*options };
            match wasmtime::Engine::new(&config(&options, allocation)) {
                Ok(engine) => return Ok((engine, allocation)),
                Err(error) => debug!(%allocation, components, %error, "not available here"),
            }
        }
    }
    warn!(
        "no pool can be reserved here: instances are slow, and what a component takes of the \
         host beside its memories has no bound"
    );
    let engine = wasmtime::Engine::new(&config(options, Allocation::OnDemand))?;
    Ok((engine, Allocation::OnDemand))
}

/// An engine that compiles what any [`Engine`] can load, and runs nothing.
pub(super) fn for_compiling() -> Result<wasmtime::Engine> {
    wasmtime::Engine::new(&settings())
}

fn config(options: &EngineOptions, allocation: Allocation) -> Config {
    let mut config = settings();
    if allocation != Allocation::OnDemand {
        let pool = pool(options, allocation);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// What all engines have in common: how code is made depends on nothing else.
fn settings() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .cranelift_opt_level(OptLevel::Speed)
        .memory_guaranteed_dense_image_size(MAX_SPARSE_IMAGE)
        .max_wasm_stack(WASM_STACK)
        // Nothing that runs here needs these, and what is off cannot be attacked.
        .wasm_features(WasmFeatures::GC | WasmFeatures::FUNCTION_REFERENCES, false)
        // What joins the parts of a component that is made of components has two memories.
        .wasm_multi_memory(true)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        // The meter relies on being asked before a memory grows by anything.
        .wasm_custom_page_sizes(false)
        .allocation_strategy(InstanceAllocationStrategy::OnDemand);
    config
}
