//! What a handler imports, holds and costs.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytesize::ByteSize;
use picohttp_host::{Cache, Compiled, Component, Engine, Footprint, LoadError, Sandbox, Source};
use serde::Serialize;

use super::imports::{Import, imports};
use super::{Findings, Place, Problem};
use crate::cli::Check;
use crate::engine::engine;
use crate::plan;
use crate::progress::Line;

/// The world that every handler is of.
const WORLD: &str = "picohttp:handler/plugin@0.1.0";

/// How many instances are made at most to know what one costs, and for how long.
const INSTANCES: usize = 101;
const SAMPLING: Duration = Duration::from_secs(1);

/// A handler in which nothing is wrong.
#[derive(Serialize)]
pub struct Handler {
    file: String,
    world: &'static str,
    imports: Vec<Import>,
    component_bytes: usize,
    /// Nothing of these two is known of what was compiled before.
    compiled_bytes: Option<usize>,
    compile_seconds: Option<f64>,
    memories: u32,
    memory_bytes: usize,
    tables: u32,
    table_elements: usize,
    /// The median of so many.
    instantiate_seconds: f64,
    instances: usize,
}

/// Checks a handler as if it were served with these limits, and the defaults of others.
pub fn check(path: &Path, options: &Check) -> Result<Findings<Handler>> {
    let plan = plan::of_compiling(&options.compile_limits);
    let engine = engine(&plan)?.allow_precompiled(options.allow_precompiled);
    let source = Source::at(path);
    let sandbox = Sandbox { max_memory: options.max_memory, ..Sandbox::default() };
    Ok(measure(&engine, &source, sandbox).map_err(|message| {
        let file = path.display().to_string();
        let place = Place { file: Some(file), ..Place::default() };
        vec![Problem { place, line: message.clone(), message }]
    }))
}

fn measure(engine: &Engine, source: &Source, sandbox: Sandbox) -> Result<Handler, String> {
    let file = source.path().unwrap_or(Path::new("")).display().to_string();
    let in_file = |error: String| format!("{file}: {error}");
    let bytes = source.read().map_err(|error| error.to_string())?;
    let (handler, compiled) = load(engine, &source.name(), &bytes, sandbox)
        .map_err(|error| in_file(error.to_string()))?;
    let (compiled_bytes, compile_seconds) = compiled.unzip();
    let (footprint, instances) = footprint(&handler).map_err(in_file)?;
    Ok(Handler {
        world: WORLD,
        imports: imports(&handler, None),
        component_bytes: bytes.len(),
        compiled_bytes,
        compile_seconds,
        memories: footprint.memories,
        memory_bytes: footprint.memory,
        tables: footprint.tables,
        table_elements: footprint.table_elements,
        instantiate_seconds: footprint.instantiate.as_secs_f64(),
        instances,
        file,
    })
}

/// Loads a handler. Says how large it is when it is compiled, and how many seconds that took, if
/// it was not compiled before.
fn load(
    engine: &Engine,
    name: &str,
    bytes: &[u8],
    sandbox: Sandbox,
) -> Result<(Component, Option<(usize, f64)>), LoadError> {
    if let Some(handler) =
        Component::from_cache(engine, name, bytes, sandbox.clone(), &Cache::none())?
    {
        return Ok((handler, None));
    }
    let began = Instant::now();
    let line = Line::begin(true, || "compiling".to_owned());
    let compiled = Compiled::new(engine, bytes)?;
    drop(line);
    let took = began.elapsed().as_secs_f64();
    let handler = Component::from_compiled(engine, name, &compiled, sandbox)?;
    Ok((handler, Some((compiled.size(), took))))
}

/// What instances begin with, of how long they take the median, and of how many that is.
fn footprint(handler: &Component) -> Result<(Footprint, usize), String> {
    let began = Instant::now();
    let mut footprints = Vec::with_capacity(INSTANCES);
    while footprints.is_empty() || footprints.len() < INSTANCES && began.elapsed() < SAMPLING {
        let footprint = handler.footprint();
        footprints.push(footprint.map_err(|fault| {
            format!("no instance can be made of it ({}): {fault}", fault.reason())
        })?);
    }
    footprints.sort_by_key(|footprint| footprint.instantiate);
    let median = footprints.get(footprints.len() / 2).copied();
    Ok((median.ok_or("there are no instances")?, footprints.len()))
}

impl fmt::Display for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Handler { file, world, memories, tables, table_elements, .. } = self;
        let size = |bytes: usize| ByteSize(bytes as u64);
        let time = Duration::from_secs_f64;
        writeln!(f, "{file}: a handler of the world {world}")?;
        writeln!(f, "  component    {}", size(self.component_bytes))?;
        match self.compiled_bytes.zip(self.compile_seconds) {
            Some((bytes, took)) => {
                writeln!(f, "  compiled     {}, in {:.1?}", size(bytes), time(took))?;
            }
            None => writeln!(f, "  compiled     before")?,
        }
        let instantiate = time(self.instantiate_seconds);
        let instances = self.instances;
        writeln!(f, "  an instance  is there in {instantiate:.1?}, median of {instances}")?;
        writeln!(f, "  memories     {memories}, of {} at first", size(self.memory_bytes))?;
        writeln!(f, "  tables       {tables}, of {table_elements} elements at first")?;
        match self.imports.as_slice() {
            [] => writeln!(f, "  imports      nothing"),
            imports => {
                writeln!(f, "  imports")?;
                imports.iter().try_for_each(|import| writeln!(f, "    {import}"))
            }
        }
    }
}
